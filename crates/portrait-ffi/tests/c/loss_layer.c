// A Vulkan layer whose devices are lost when it is told so, for `loss.c`: whoever waits for one hears of it, as from a driver.
#include <stdatomic.h>
#include <string.h>
#include <vulkan/vk_layer.h>
#include <vulkan/vulkan.h>

#define EXPORT __attribute__((visibility("default")))
#define ENTRY(function) ((PFN_vkVoidFunction)(function))

EXPORT atomic_bool devices_lost;

// The next layer, which is the same for everything in a process.
static PFN_vkGetInstanceProcAddr of_instance;
static PFN_vkGetDeviceProcAddr of_device;

// By what a library waits, or looks whether it would have to.
#define WAITS(X)                                                                                               \
    X(WaitSemaphores, (VkDevice d, const VkSemaphoreWaitInfo *i, uint64_t t), (d, i, t))                       \
    X(GetSemaphoreCounterValue, (VkDevice d, VkSemaphore s, uint64_t *v), (d, s, v))                           \
    X(WaitForFences, (VkDevice d, uint32_t n, const VkFence *f, VkBool32 all, uint64_t t), (d, n, f, all, t))  \
    X(GetFenceStatus, (VkDevice d, VkFence f), (d, f))

// What the driver has at hand ends first: afterwards the library may free what that uses.
#define LOSE(name, parameters, arguments)                                              \
    static VkResult VKAPI_CALL lose_##name parameters {                                \
        if (devices_lost) {                                                            \
            ((PFN_vkDeviceWaitIdle)of_device(d, "vkDeviceWaitIdle"))(d);               \
            return VK_ERROR_DEVICE_LOST;                                               \
        }                                                                              \
        PFN_vkVoidFunction next = of_device(d, "vk" #name);                            \
        if (next == NULL) next = of_device(d, "vk" #name "KHR");                       \
        return ((PFN_vk##name)next)arguments;                                          \
    }
WAITS(LOSE)

// Where the loader says which layer is next.
#define LINK(type, chain, kind)                                                                                          \
    type *link = (type *)(chain);                                                                                        \
    while (link != NULL && (link->sType != (kind) || link->function != VK_LAYER_LINK_INFO)) link = (type *)link->pNext;  \
    if (link == NULL) return VK_ERROR_INITIALIZATION_FAILED

static VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo *info, const VkAllocationCallbacks *with,
                                           VkInstance *made) {
    LINK(VkLayerInstanceCreateInfo, info->pNext, VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO);
    of_instance = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    return ((PFN_vkCreateInstance)of_instance(NULL, "vkCreateInstance"))(info, with, made);
}

static VkResult VKAPI_CALL create_device(VkPhysicalDevice gpu, const VkDeviceCreateInfo *info,
                                         const VkAllocationCallbacks *with, VkDevice *made) {
    LINK(VkLayerDeviceCreateInfo, info->pNext, VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO);
    PFN_vkGetInstanceProcAddr next = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    of_device = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    return ((PFN_vkCreateDevice)next(NULL, "vkCreateDevice"))(gpu, info, with, made);
}

// What of this is in place of the next layer's; of variants under another name too.
static PFN_vkVoidFunction own(const char *asked) {
#define NAMED(name, parameters, arguments) \
    if (strcmp(asked, "vk" #name) == 0 || strcmp(asked, "vk" #name "KHR") == 0) return ENTRY(lose_##name);
    WAITS(NAMED)
    return NULL;
}

EXPORT PFN_vkVoidFunction VKAPI_CALL loss_device(VkDevice device, const char *asked) {
    PFN_vkVoidFunction there = of_device(device, asked);
    return there != NULL && own(asked) != NULL ? own(asked) : there;
}

EXPORT PFN_vkVoidFunction VKAPI_CALL loss_instance(VkInstance instance, const char *asked) {
    if (strcmp(asked, "vkCreateInstance") == 0) return ENTRY(create_instance);
    if (strcmp(asked, "vkCreateDevice") == 0) return ENTRY(create_device);
    if (strcmp(asked, "vkGetInstanceProcAddr") == 0) return ENTRY(loss_instance);
    if (strcmp(asked, "vkGetDeviceProcAddr") == 0) return ENTRY(loss_device);
    if (own(asked) != NULL) return own(asked);
    return instance == NULL ? NULL : of_instance(instance, asked);
}
