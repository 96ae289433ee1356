// Pictures drawn into images of a Vulkan device of the host's own, without a copy.
//
// texture WEIGHTS PHOTO DRIVER OUTPUT: square RGBA pictures in, what the host finds in its image out.
#include "host.h"
#include "resident.h"
#include <dirent.h>

// What the host finds in its image, by its own device; the image is afterwards as it was.
static uint8_t *contents(const Host *host, const Shared *shared) {
    size_t bytes = (size_t)4 * shared->width * shared->height;
    VkBufferCreateInfo description = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .size = bytes, .usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT};
    VkBuffer buffer;
    VK(vkCreateBuffer(host->device, &description, NULL, &buffer));
    VkMemoryRequirements needed;
    vkGetBufferMemoryRequirements(host->device, buffer, &needed);
    VkMemoryPropertyFlags visible = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    VkMemoryAllocateInfo allocation = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                       .allocationSize = needed.size,
                                       .memoryTypeIndex = memory_kind(host, needed.memoryTypeBits, visible)};
    VkDeviceMemory memory;
    VK(vkAllocateMemory(host->device, &allocation, NULL, &memory));
    VK(vkBindBufferMemory(host->device, buffer, memory, 0));
    VkCommandBufferAllocateInfo one = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                       .commandPool = host->pool,
                                       .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                       .commandBufferCount = 1};
    VkCommandBuffer commands;
    VK(vkAllocateCommandBuffers(host->device, &one, &commands));
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VK(vkBeginCommandBuffer(commands, &begin));
    VkImageMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
                                    .dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT,
                                    .oldLayout = VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL,
                                    .newLayout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                                    .srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
                                    .dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
                                    .image = shared->image,
                                    .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1}};
    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 0, NULL, 0, NULL,
                         1, &barrier);
    VkBufferImageCopy copy = {.imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
                              .imageExtent = {shared->width, shared->height, 1}};
    vkCmdCopyImageToBuffer(commands, shared->image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, buffer, 1, &copy);
    barrier.srcAccessMask = VK_ACCESS_TRANSFER_READ_BIT;
    barrier.dstAccessMask = 0;
    barrier.oldLayout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL;
    barrier.newLayout = VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL;
    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, 0, 0, NULL, 0, NULL,
                         1, &barrier);
    VK(vkEndCommandBuffer(commands));
    VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &commands};
    VK(vkQueueSubmit(host->queue, 1, &submit, VK_NULL_HANDLE));
    VK(vkQueueWaitIdle(host->queue));
    void *mapped;
    VK(vkMapMemory(host->device, memory, 0, VK_WHOLE_SIZE, 0, &mapped));
    uint8_t *copied = malloc(bytes);
    CHECK(copied != NULL);
    memcpy(copied, mapped, bytes);
    vkFreeCommandBuffers(host->device, host->pool, 1, &commands);
    vkDestroyBuffer(host->device, buffer, NULL);
    vkFreeMemory(host->device, memory, NULL);
    return copied;
}

// Largest difference of the picture from the square of 256 at this corner of what an image holds.
static int off(const uint8_t *picture, const uint8_t *found, const Shared *in, unsigned left, unsigned top, bool bgra) {
    int most = 0;
    for (unsigned y = 0; y < 256; y++)
        for (unsigned x = 0; x < 256; x++)
            for (unsigned c = 0; c < 3; c++) {
                const uint8_t *pixel = found + 4 * ((size_t)(top + y) * in->width + left + x);
                int difference = abs(picture[4 * (y * 256 + x) + c] - pixel[bgra ? 2 - c : c]);
                if (difference > most) most = difference;
            }
    return most;
}

// Files that this process has open.
static int files(void) {
    DIR *folder = opendir("/proc/self/fd");
    CHECK(folder != NULL);
    int count = 0;
    while (readdir(folder) != NULL) count++;
    closedir(folder);
    return count;
}

int main(int argc, char **argv) {
    CHECK(argc == 5);
    PortraitEngine engine = open_engine(argv[1]);
    Host host = {0};
    if (!open_host_of(engine, &host)) return 0;
    size_t photo_length, driver_length;
    uint8_t *photo_bytes = read_file(argv[2], &photo_length), *driver_bytes = read_file(argv[3], &driver_length);
    PortraitFrame photo = square(photo_bytes, photo_length), driver = square(driver_bytes, driver_length);
    PortraitAvatar avatar;
    OK(portrait_avatar_prepare(engine, &photo, NULL, &avatar));
    PortraitSessionOptions options = {
        .struct_size = sizeof options, .frame_width = driver.width, .frame_height = driver.height};
    PortraitSession session;
    OK(portrait_session_open(engine, avatar, &options, &session));

    // Misuse.
    Shared same = share(&host, 256, 256, PORTRAIT_FORMAT_RGBA), wide = share(&host, 400, 256, PORTRAIT_FORMAT_BGRA);
    PortraitTexture texture = 7;
    PortraitTextureOptions wrong = same.options;
    FAILS(portrait_texture_open(engine, NULL, &texture), PORTRAIT_STATUS_INVALID_ARGUMENT, "`options` is null");
    CHECK(texture == 0);
    wrong.kind = 2;
    FAILS(portrait_texture_open(engine, &wrong, &texture), PORTRAIT_STATUS_INVALID_ARGUMENT, "`kind` is 2");
    wrong.kind = PORTRAIT_TEXTURE_KIND_METAL;
    FAILS(portrait_texture_open(engine, &wrong, &texture), PORTRAIT_STATUS_INVALID_ARGUMENT, "`metal` is null");
    wrong.metal = &wrong;
    FAILS(portrait_texture_open(engine, &wrong, &texture), PORTRAIT_STATUS_UNSUPPORTED, "has no Metal");
    wrong = same.options;
    wrong.format = PORTRAIT_FORMAT_NV12;
    FAILS(portrait_texture_open(engine, &wrong, &texture), PORTRAIT_STATUS_INVALID_ARGUMENT, "`format` is 2");
    wrong = same.options;
    wrong.memory_fd = -1;
    FAILS(portrait_texture_open(engine, &wrong, &texture), PORTRAIT_STATUS_INVALID_ARGUMENT, "`memory_fd` is -1");
    wrong.memory_fd = 1 << 20;
    FAILS(portrait_texture_open(engine, &wrong, &texture), PORTRAIT_STATUS_INVALID_ARGUMENT, "`memory_fd`");
    wrong = same.options;
    wrong.width = 0;
    FAILS(portrait_texture_open(engine, &wrong, &texture), PORTRAIT_STATUS_UNSUPPORTED, "0 × 256");
    wrong.width = 4096;
    FAILS(portrait_texture_open(engine, &wrong, &texture), PORTRAIT_STATUS_UNSUPPORTED, "bytes");
    wrong = same.options;
    wrong.memory_kind = 31;
    FAILS(portrait_texture_open(engine, &wrong, &texture), PORTRAIT_STATUS_UNSUPPORTED, "kind 31");
    wrong = same.options;
    wrong.fit = 2;
    FAILS(portrait_texture_open(engine, &wrong, &texture), PORTRAIT_STATUS_INVALID_ARGUMENT, "`fit` is 2");
    CHECK(texture == 0);
    FAILS(portrait_session_draw_picture(session, 0, texture, NULL), PORTRAIT_STATUS_INVALID_HANDLE, "texture");

    PortraitTexture textures[2];
    OK(portrait_texture_open(engine, &same.options, &textures[0]));
    OK(portrait_texture_open(engine, &wide.options, &textures[1]));
    CHECK(portrait_session_draw_picture(session, 0, textures[0], NULL) == PORTRAIT_STATUS_PENDING);

    // Every picture once; in memory it is the same.
    uint8_t *pixels = malloc((size_t)4 * 256 * 256);
    for (int i = 0; i < 2; i++) {
        const Shared *shared = i == 0 ? &same : &wide;
        driver.timestamp_ns += 40000000;
        OK(portrait_session_push(session, &driver));
        uint64_t drawn = 0;
        OK(portrait_session_draw_picture(session, 120000, textures[i], &drawn));
        CHECK(drawn == driver.timestamp_ns);
        CHECK(portrait_session_draw_picture(session, 0, textures[i], &drawn) == PORTRAIT_STATUS_PENDING);
        PortraitPicture picture = {.struct_size = sizeof picture, .pixels = pixels, .length = (size_t)4 * 256 * 256};
        OK(portrait_session_take_picture(session, 120000, &picture));
        uint8_t *found = contents(&host, shared);
        int most = off(pixels, found, shared, i == 0 ? 0 : 72, 0, i == 1);
        printf("%u × %u: at most %d of 255 from the picture in memory\n", shared->width, shared->height, most);
        CHECK(most <= 1);
        // Bars are red, whichever way round colours lie.
        if (i == 1) CHECK(found[0] == 0 && found[1] == 0 && found[2] == 255);
        char path[4096];
        snprintf(path, sizeof path, "%s/texture%d.rgba", argv[4], i);
        write_file(path, found, (size_t)4 * shared->width * shared->height);
        free(found);
    }

    // While paused nothing is drawn; afterwards what was made before.
    driver.timestamp_ns += 40000000;
    OK(portrait_session_push(session, &driver));
    PortraitPicture picture = {.struct_size = sizeof picture, .pixels = pixels, .length = (size_t)4 * 256 * 256};
    OK(portrait_session_take_picture(session, 120000, &picture));
    OK(portrait_session_pause(session));
    CHECK(portrait_session_draw_picture(session, 10, textures[0], NULL) == PORTRAIT_STATUS_PENDING);
    OK(portrait_session_resume(session));
    OK(portrait_session_draw_picture(session, 0, textures[0], NULL));
    uint8_t *found = contents(&host, &same);
    CHECK(off(pixels, found, &same, 0, 0, false) <= 1);
    free(found);

    // Without copies to memory the textures are all there is.
    OK(portrait_session_release(session));
    FAILS(portrait_session_draw_picture(session, 0, textures[0], NULL), PORTRAIT_STATUS_RELEASED, "session");
    options.no_pictures = true;
    OK(portrait_session_open(engine, avatar, &options, &session));
    OK(portrait_session_push(session, &driver));
    OK(portrait_session_draw_picture(session, 120000, textures[1], NULL));

    // Of another device.
    PortraitEngine other = open_engine(argv[1]);
    PortraitTexture foreign;
    OK(portrait_texture_open(other, &same.options, &foreign));
    FAILS(portrait_session_draw_picture(session, 0, foreign, NULL), PORTRAIT_STATUS_INVALID_ARGUMENT, "another device");
    OK(portrait_texture_release(foreign));
    OK(portrait_engine_release(other));

    // Opened and released again and again, nothing of it stays.
    OK(portrait_texture_release(textures[0]));
    OK(portrait_texture_release(textures[0]));
    FAILS(portrait_session_draw_picture(session, 0, textures[0], NULL), PORTRAIT_STATUS_RELEASED, "texture");
    int opened = files();
    double before = 0;
    for (int i = 0; i < 200; i++) {
        if (i == 100) before = resident();
        OK(portrait_texture_open(engine, &same.options, &texture));
        OK(portrait_texture_release(texture));
    }
    double grown = resident() - before;
    printf("200 textures: %+.2f MiB in the second half, %d files left open\n", grown / 1048576, files() - opened);
    CHECK(files() == opened && grown < 2e6);
    // The session goes first, the texture may.
    OK(portrait_session_release(session));
    OK(portrait_engine_release(engine));
    OK(portrait_texture_release(textures[1]));
    OK(portrait_texture_release(0));
    OK(portrait_avatar_release(avatar));
    unshare(&host, &same);
    unshare(&host, &wide);
    close_host(&host);
    free(pixels);
    free(photo_bytes);
    free(driver_bytes);
    puts("texture: drawn where the host finds it");
    return 0;
}
