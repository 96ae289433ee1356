// A Vulkan layer that counts copies, for `copies.c`: what a library records passes through here, whoever wrote it.
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <vulkan/vk_layer.h>
#include <vulkan/vulkan.h>

#define EXPORT __attribute__((visibility("default")))
#define ENTRY(function) ((PFN_vkVoidFunction)(function))

// Copies out of images, copies from buffers into images, and those from buffer to buffer with their bytes, by all devices of the process.
EXPORT atomic_ulong counted_images, counted_uploads, counted_buffers, counted_bytes;

// What is counted, and as what.
#define COPIES(X)                                                                                                            \
    X(CopyBuffer, buffers, (VkCommandBuffer c, VkBuffer s, VkBuffer d, uint32_t n, const VkBufferCopy *r), (c, s, d, n, r))  \
    X(CopyImage, images,                                                                                                     \
      (VkCommandBuffer c, VkImage s, VkImageLayout a, VkImage d, VkImageLayout b, uint32_t n, const VkImageCopy *r),         \
      (c, s, a, d, b, n, r))                                                                                                 \
    X(CopyBufferToImage, uploads,                                                                                            \
      (VkCommandBuffer c, VkBuffer s, VkImage d, VkImageLayout b, uint32_t n, const VkBufferImageCopy *r), (c, s, d, b, n, r)) \
    X(CopyImageToBuffer, images,                                                                                             \
      (VkCommandBuffer c, VkImage s, VkImageLayout a, VkBuffer d, uint32_t n, const VkBufferImageCopy *r), (c, s, a, d, n, r)) \
    X(BlitImage, images,                                                                                                     \
      (VkCommandBuffer c, VkImage s, VkImageLayout a, VkImage d, VkImageLayout b, uint32_t n, const VkImageBlit *r,          \
       VkFilter f),                                                                                                          \
      (c, s, a, d, b, n, r, f))                                                                                              \
    X(ResolveImage, images,                                                                                                  \
      (VkCommandBuffer c, VkImage s, VkImageLayout a, VkImage d, VkImageLayout b, uint32_t n, const VkImageResolve *r),      \
      (c, s, a, d, b, n, r))                                                                                                 \
    X(CopyBuffer2, buffers, (VkCommandBuffer c, const VkCopyBufferInfo2 *i), (c, i))                                         \
    X(CopyImage2, images, (VkCommandBuffer c, const VkCopyImageInfo2 *i), (c, i))                                            \
    X(CopyBufferToImage2, uploads, (VkCommandBuffer c, const VkCopyBufferToImageInfo2 *i), (c, i))                            \
    X(CopyImageToBuffer2, images, (VkCommandBuffer c, const VkCopyImageToBufferInfo2 *i), (c, i))                            \
    X(BlitImage2, images, (VkCommandBuffer c, const VkBlitImageInfo2 *i), (c, i))

// The next layer, for all that was made by one instance or one device: their first words are the same.
typedef struct {
    void *key;
    PFN_vkGetInstanceProcAddr of_instance;
    PFN_vkGetDeviceProcAddr of_device;
#define FIELD(name, kind, parameters, arguments) PFN_vkCmd##name name;
    COPIES(FIELD)
} Next;

static Next list[64];
static unsigned listed;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static const Next *next_of(const void *object) {
    const Next *found = NULL;
    pthread_mutex_lock(&lock);
    // The newest first: a key may come again when what had it is gone.
    for (unsigned i = listed; i > 0 && found == NULL; i--)
        if (list[i - 1].key == *(void *const *)object) found = &list[i - 1];
    pthread_mutex_unlock(&lock);
    return found;
}

static VkResult note(Next next) {
    pthread_mutex_lock(&lock);
    VkResult result = listed < sizeof list / sizeof list[0] ? VK_SUCCESS : VK_ERROR_OUT_OF_HOST_MEMORY;
    if (result == VK_SUCCESS) list[listed++] = next;
    pthread_mutex_unlock(&lock);
    return result;
}

// Where the loader says which layer is next.
#define LINK(type, chain, kind)                                                       \
    type *link = (type *)(chain);                                                     \
    while (link != NULL && (link->sType != (kind) || link->function != VK_LAYER_LINK_INFO)) link = (type *)link->pNext; \
    if (link == NULL) return VK_ERROR_INITIALIZATION_FAILED

static VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo *info, const VkAllocationCallbacks *with,
                                           VkInstance *made) {
    LINK(VkLayerInstanceCreateInfo, info->pNext, VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO);
    Next next = {.of_instance = link->u.pLayerInfo->pfnNextGetInstanceProcAddr};
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    VkResult result = ((PFN_vkCreateInstance)next.of_instance(NULL, "vkCreateInstance"))(info, with, made);
    if (result != VK_SUCCESS) return result;
    next.key = *(void **)*made;
    return note(next);
}

static VkResult VKAPI_CALL create_device(VkPhysicalDevice gpu, const VkDeviceCreateInfo *info,
                                         const VkAllocationCallbacks *with, VkDevice *made) {
    LINK(VkLayerDeviceCreateInfo, info->pNext, VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO);
    PFN_vkGetInstanceProcAddr of_instance = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    Next next = {.of_device = link->u.pLayerInfo->pfnNextGetDeviceProcAddr};
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    VkResult result = ((PFN_vkCreateDevice)of_instance(NULL, "vkCreateDevice"))(gpu, info, with, made);
    if (result != VK_SUCCESS) return result;
    next.key = *(void **)*made;
#define FETCH(name, kind, parameters, arguments) next.name = (PFN_vkCmd##name)next.of_device(*made, "vkCmd" #name);
    COPIES(FETCH)
    return note(next);
}

#define COUNT(name, kind, parameters, arguments)        \
    static void VKAPI_CALL count_##name parameters {    \
        counted_##kind++;                               \
        next_of(c)->name arguments;                     \
    }
COPIES(COUNT)

// Copies from buffer to buffer are also added up.
static void VKAPI_CALL add_CopyBuffer(VkCommandBuffer c, VkBuffer from, VkBuffer to, uint32_t n, const VkBufferCopy *regions) {
    for (uint32_t i = 0; i < n; i++) counted_bytes += regions[i].size;
    count_CopyBuffer(c, from, to, n, regions);
}

static void VKAPI_CALL add_CopyBuffer2(VkCommandBuffer c, const VkCopyBufferInfo2 *info) {
    for (uint32_t i = 0; i < info->regionCount; i++) counted_bytes += info->pRegions[i].size;
    count_CopyBuffer2(c, info);
}

// What of this is in place of the next layer's; of variants under another name too.
static PFN_vkVoidFunction own(const char *asked) {
    if (strcmp(asked, "vkCmdCopyBuffer") == 0) return ENTRY(add_CopyBuffer);
    if (strcmp(asked, "vkCmdCopyBuffer2") == 0 || strcmp(asked, "vkCmdCopyBuffer2KHR") == 0) return ENTRY(add_CopyBuffer2);
#define NAMED(name, kind, parameters, arguments) \
    if (strcmp(asked, "vkCmd" #name) == 0 || strcmp(asked, "vkCmd" #name "KHR") == 0) return ENTRY(count_##name);
    COPIES(NAMED)
    return NULL;
}

EXPORT PFN_vkVoidFunction VKAPI_CALL copies_device(VkDevice device, const char *asked) {
    PFN_vkVoidFunction there = next_of(device)->of_device(device, asked);
    return there != NULL && own(asked) != NULL ? own(asked) : there;
}

EXPORT PFN_vkVoidFunction VKAPI_CALL copies_instance(VkInstance instance, const char *asked) {
    if (strcmp(asked, "vkCreateInstance") == 0) return ENTRY(create_instance);
    if (strcmp(asked, "vkCreateDevice") == 0) return ENTRY(create_device);
    if (strcmp(asked, "vkGetInstanceProcAddr") == 0) return ENTRY(copies_instance);
    if (strcmp(asked, "vkGetDeviceProcAddr") == 0) return ENTRY(copies_device);
    if (own(asked) != NULL) return own(asked);
    return instance == NULL ? NULL : next_of(instance)->of_instance(instance, asked);
}
