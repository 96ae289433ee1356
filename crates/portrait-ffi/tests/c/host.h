// A host with a Vulkan device of its own on the engine's GPU, and images in it that others can draw into.
#ifndef HOST_H
#define HOST_H
#include "check.h"
#include <unistd.h>
#include <vulkan/vulkan.h>

#define VK(call) CHECK((call) == VK_SUCCESS)

// What the host has: a device on the engine's GPU that shares memory.
typedef struct {
    VkInstance instance;
    VkPhysicalDevice gpu;
    VkDevice device;
    VkQueue queue;
    VkCommandPool pool;
    PFN_vkGetMemoryFdKHR get_memory_fd;
} Host;

// False where the driver shares no memory.
static bool open_host(Host *host, const char *adapter) {
    VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO, .apiVersion = VK_API_VERSION_1_1};
    VkInstanceCreateInfo instance = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &application};
    VK(vkCreateInstance(&instance, NULL, &host->instance));
    VkPhysicalDevice gpus[16];
    uint32_t count = 16;
    CHECK(vkEnumeratePhysicalDevices(host->instance, &count, gpus) >= 0 && count > 0);
    for (uint32_t i = 0; i < count; i++) {
        VkPhysicalDeviceProperties properties;
        vkGetPhysicalDeviceProperties(gpus[i], &properties);
        if (strcmp(properties.deviceName, adapter) == 0) host->gpu = gpus[i];
    }
    CHECK(host->gpu != NULL);
    VkExtensionProperties extensions[512];
    count = 512;
    CHECK(vkEnumerateDeviceExtensionProperties(host->gpu, NULL, &count, extensions) >= 0);
    const char *wanted = VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME;
    bool shares = false;
    for (uint32_t i = 0; i < count; i++) shares |= strcmp(extensions[i].extensionName, wanted) == 0;
    if (!shares) return false;
    float priority = 1.0f;
    VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO, .queueCount = 1, .pQueuePriorities = &priority};
    VkDeviceCreateInfo device = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                 .queueCreateInfoCount = 1,
                                 .pQueueCreateInfos = &queue,
                                 .enabledExtensionCount = 1,
                                 .ppEnabledExtensionNames = &wanted};
    VK(vkCreateDevice(host->gpu, &device, NULL, &host->device));
    vkGetDeviceQueue(host->device, 0, 0, &host->queue);
    VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
    VK(vkCreateCommandPool(host->device, &pool, NULL, &host->pool));
    host->get_memory_fd = (PFN_vkGetMemoryFdKHR)vkGetDeviceProcAddr(host->device, "vkGetMemoryFdKHR");
    return host->get_memory_fd != NULL;
}

static void close_host(Host *host) {
    if (host->device != NULL) {
        vkDestroyCommandPool(host->device, host->pool, NULL);
        vkDestroyDevice(host->device, NULL);
    }
    vkDestroyInstance(host->instance, NULL);
}

static uint32_t memory_kind(const Host *host, uint32_t allowed, VkMemoryPropertyFlags wanted) {
    VkPhysicalDeviceMemoryProperties memory;
    vkGetPhysicalDeviceMemoryProperties(host->gpu, &memory);
    for (uint32_t i = 0; i < memory.memoryTypeCount; i++)
        if ((allowed >> i & 1) && (memory.memoryTypes[i].propertyFlags & wanted) == wanted) return i;
    CHECK(!"memory of this kind");
    return 0;
}

typedef struct {
    VkImage image;
    VkDeviceMemory memory;
    uint32_t width, height;
    PortraitTextureOptions options;
} Shared;

static Shared share(const Host *host, uint32_t width, uint32_t height, PortraitFormat format) {
    Shared shared = {.width = width, .height = height};
    VkExternalMemoryImageCreateInfo external = {.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO,
                                                .handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT};
    VkImageCreateInfo image = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .pNext = &external,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = format == PORTRAIT_FORMAT_RGBA ? VK_FORMAT_R8G8B8A8_UNORM : VK_FORMAT_B8G8R8A8_UNORM,
        .extent = {width, height, 1},
        .mipLevels = 1,
        .arrayLayers = 1,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .tiling = VK_IMAGE_TILING_OPTIMAL,
        .usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_SAMPLED_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT,
        .sharingMode = VK_SHARING_MODE_EXCLUSIVE};
    VK(vkCreateImage(host->device, &image, NULL, &shared.image));
    VkMemoryRequirements needed;
    vkGetImageMemoryRequirements(host->device, shared.image, &needed);
    VkMemoryDedicatedAllocateInfo dedicated = {.sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
                                               .image = shared.image};
    VkExportMemoryAllocateInfo exported = {.sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
                                           .pNext = &dedicated,
                                           .handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT};
    uint32_t kind = memory_kind(host, needed.memoryTypeBits, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT);
    VkMemoryAllocateInfo allocation = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                       .pNext = &exported,
                                       .allocationSize = needed.size,
                                       .memoryTypeIndex = kind};
    VK(vkAllocateMemory(host->device, &allocation, NULL, &shared.memory));
    VK(vkBindImageMemory(host->device, shared.image, shared.memory, 0));
    VkMemoryGetFdInfoKHR get = {.sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
                                .memory = shared.memory,
                                .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT};
    int fd = -1;
    VK(host->get_memory_fd(host->device, &get, &fd));
    shared.options = (PortraitTextureOptions){.struct_size = sizeof shared.options,
                                              .kind = PORTRAIT_TEXTURE_KIND_VULKAN_FD,
                                              .width = width,
                                              .height = height,
                                              .format = format,
                                              .memory_fd = fd,
                                              .memory_bytes = needed.size,
                                              .memory_kind = kind,
                                              .bars = {1.0f, 0.0f, 0.0f}};
    return shared;
}

static void unshare(const Host *host, Shared *shared) {
    CHECK(close(shared->options.memory_fd) == 0);
    vkDestroyImage(host->device, shared->image, NULL);
    vkFreeMemory(host->device, shared->memory, NULL);
}

// The host on the GPU of an engine. Where that shares no memory false, printed, and the engine is released.
static bool open_host_of(PortraitEngine engine, Host *host) {
    PortraitEngineInfo info = {.struct_size = sizeof info};
    OK(portrait_engine_info(engine, &info));
    if (strcmp(info.backend, "Vulkan") == 0 && open_host(host, info.adapter)) return true;
    printf("SKIP: %s shares no memory by file descriptor\n", info.adapter);
    if (host->instance != NULL) close_host(host);
    OK(portrait_engine_release(engine));
    return false;
}

#endif
