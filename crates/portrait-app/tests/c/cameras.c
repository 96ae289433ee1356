// Cameras without a kernel's. Loaded before libc (LD_PRELOAD), it makes files of the folder $PORTRAIT_TEST_CAMERAS stand for /dev/video*:
//
//   video2        the device, plugged in while the file is there: a line with its name, then one for each format, as `YUYV 320 240 640`
//                 (pixels, bytes of a row; 0 for JPEG). The format OUT is that of a device that programs write to, as v4l2loopback
//                 makes them. Without a format it is one of those that cameras have beside the one that sends pictures.
//   video2.YUYV   what it sees in this format, until another picture is put there; video9.OUT: what was written last.
//   video2.fails  a call and an errno, as `STREAMON 16`: it fails with that while the file is there. OPEN is a call, too.
//
// It is as strict as Linux' videobuf2 where a program could go wrong unseen: one program streams at a time, buffers that are not handed
// over are not filled, calls out of order fail, and a camera that is gone says so whatever is asked.

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { FILES = 1024, FORMATS = 8, BUFFERS = 4, PATH = 512 };
static const struct timespec interval = {0, 33000000};

struct format {
    char name[8];
    unsigned width, height, row;
};

struct buffer {
    unsigned flags, used, sequence;
    struct timespec when;
};

struct device {
    char path[PATH];
    int file, streaming, running;
    struct format format;
    unsigned bytes, length, count, sequence;
    struct buffer buffers[BUFFERS];
    unsigned char *memory;
    pthread_t filler;
};

static struct device *devices[FILES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;

// libc's own, looked up once: signal handlers come here, too.
#define REAL(name)                                                            \
    ({                                                                        \
        static __typeof__(&name) real;                                        \
        if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name);         \
        real;                                                                 \
    })

// ---- what the folder says

static FILE *beside(const char *device, const char *suffix, const char *mode) {
    char path[PATH + 16];
    snprintf(path, sizeof path, "%s%s", device, suffix);
    return fopen(path, mode);
}

// The errno with which this call is to fail now, or 0.
static int fault(const char *device, const char *call) {
    char name[32];
    int code, wanted = 0;
    FILE *file = beside(device, ".fails", "r");
    while (file && fscanf(file, "%31s %d", name, &code) == 2) {
        if (strcmp(name, call) == 0) wanted = code;
    }
    if (file) fclose(file);
    return wanted;
}

// Name and formats; how many, or -1 where the device is gone.
static int about(const char *device, char name[32], struct format formats[FORMATS]) {
    FILE *file = beside(device, "", "r");
    int count = 0;
    if (!file) return -1;
    if (fscanf(file, " %31[^\n]", name) != 1) name[0] = 0;
    while (count < FORMATS) {
        struct format *f = &formats[count];
        if (fscanf(file, "%7s %u %u %u", f->name, &f->width, &f->height, &f->row) != 4) break;
        count++;
    }
    fclose(file);
    return count;
}

static int is_output(const struct format *format) { return strcmp(format->name, "OUT") == 0; }

static __u32 fourcc(const struct format *format) {
    const char *n = is_output(format) ? "YUYV" : format->name;
    return v4l2_fourcc((unsigned char)n[0], (unsigned char)n[1], (unsigned char)n[2], (unsigned char)n[3]);
}

// ---- the camera itself

// A picture into the buffer that has waited longest, every 33 ms.
static void *fill(void *data) {
    struct device *d = data;
    for (;;) {
        nanosleep(&interval, NULL);
        pthread_mutex_lock(&lock);
        if (!d->streaming) break;
        char suffix[16];
        snprintf(suffix, sizeof suffix, ".%s", d->format.name);
        struct buffer *oldest = NULL;
        for (unsigned i = 0; i < d->count; i++) {
            struct buffer *b = &d->buffers[i];
            if ((b->flags & V4L2_BUF_FLAG_QUEUED) && (!oldest || b->sequence < oldest->sequence)) oldest = b;
        }
        FILE *gone = beside(d->path, "", "r"), *picture = oldest && gone ? beside(d->path, suffix, "rb") : NULL;
        if (picture) {
            oldest->used = (unsigned)fread(d->memory + (oldest - d->buffers) * d->length, 1, d->bytes, picture);
            oldest->flags = V4L2_BUF_FLAG_DONE;
            oldest->sequence = d->sequence++;
            clock_gettime(CLOCK_MONOTONIC, &oldest->when);
            fclose(picture);
        }
        if (gone) fclose(gone);
        // Who waits is told of a camera that is gone as well.
        pthread_cond_broadcast(&filled);
        pthread_mutex_unlock(&lock);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

// Ends streaming; with the lock held, which is let go meanwhile.
static void stop(struct device *d) {
    d->streaming = 0;
    for (unsigned i = 0; i < d->count; i++) d->buffers[i].flags = 0;
    if (d->running) {
        d->running = 0;
        pthread_t filler = d->filler;
        pthread_mutex_unlock(&lock);
        pthread_join(filler, NULL);
        pthread_mutex_lock(&lock);
    }
}

static int in_use(const struct device *d) {
    for (int i = 0; i < FILES; i++) {
        const struct device *other = devices[i];
        if (other && other != d && other->count > 0 && strcmp(other->path, d->path) == 0) return 1;
    }
    return d->count > 0;
}

static int set_format(struct device *d, const struct format *formats, int count, struct v4l2_format *wanted) {
    if (count == 0 || wanted->type != (is_output(formats) ? V4L2_BUF_TYPE_VIDEO_OUTPUT : V4L2_BUF_TYPE_VIDEO_CAPTURE)) {
        return EINVAL;
    }
    if (in_use(d)) return EBUSY;
    // Another one than was asked for, where it has to be.
    const struct format *best = &formats[0];
    for (int i = 0; i < count; i++) {
        if (fourcc(&formats[i]) == wanted->fmt.pix.pixelformat) best = &formats[i];
    }
    d->format = *best;
    // As much as JPEG can need.
    d->bytes = best->height * (best->row ? best->row : 4 * best->width);
    struct v4l2_pix_format *pix = &wanted->fmt.pix;
    *pix = (struct v4l2_pix_format){.width = best->width, .height = best->height, .pixelformat = fourcc(best)};
    pix->field = V4L2_FIELD_NONE;
    pix->bytesperline = best->row;
    pix->sizeimage = d->bytes;
    pix->colorspace = V4L2_COLORSPACE_SRGB;
    return 0;
}

static int request(struct device *d, struct v4l2_requestbuffers *r) {
    if (r->type != V4L2_BUF_TYPE_VIDEO_CAPTURE || r->memory != V4L2_MEMORY_MMAP || d->bytes == 0) return EINVAL;
    if (in_use(d)) return EBUSY;
    d->count = r->count = r->count < BUFFERS ? r->count : BUFFERS;
    d->length = (d->bytes + 4095) / 4096 * 4096;
    // What the program maps is this file.
    if (ftruncate(d->file, (off_t)d->length * d->count) != 0) return ENOMEM;
    d->memory = mmap(NULL, (size_t)d->length * d->count, PROT_READ | PROT_WRITE, MAP_SHARED, d->file, 0);
    return d->memory == MAP_FAILED ? ENOMEM : 0;
}

static void tell(const struct device *d, unsigned index, struct v4l2_buffer *b) {
    const struct buffer *own = &d->buffers[index];
    b->index = index;
    b->flags = own->flags | V4L2_BUF_FLAG_MAPPED | V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    b->bytesused = own->used;
    b->sequence = own->sequence;
    b->timestamp = (struct timeval){own->when.tv_sec, own->when.tv_nsec / 1000};
    b->memory = V4L2_MEMORY_MMAP;
    b->m.offset = index * d->length;
    b->length = d->length;
}

static int take(struct device *d, struct v4l2_buffer *b) {
    for (;;) {
        char name[32];
        struct format formats[FORMATS];
        if (about(d->path, name, formats) < 0) return ENODEV;
        if (!d->streaming) return EINVAL;
        struct buffer *first = NULL;
        for (unsigned i = 0; i < d->count; i++) {
            struct buffer *own = &d->buffers[i];
            if ((own->flags & V4L2_BUF_FLAG_DONE) && (!first || own->sequence < first->sequence)) first = own;
        }
        if (first) {
            first->flags = 0;
            tell(d, (unsigned)(first - d->buffers), b);
            return 0;
        }
        pthread_cond_wait(&filled, &lock);
    }
}

// What a call does, with the lock held; an errno, or 0.
static int call(struct device *d, unsigned long what, void *argument) {
    char name[32] = "";
    struct format formats[FORMATS];
    int count = about(d->path, name, formats);
    int output = count > 0 && is_output(formats);
    struct v4l2_buffer *b = argument;
    if (count < 0) return ENODEV;
    switch (what) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *c = argument;
        *c = (struct v4l2_capability){.driver = "test", .bus_info = "test", .version = 0x60000};
        strcpy((char *)c->card, name);
        c->device_caps = count == 0 ? V4L2_CAP_META_CAPTURE : output ? V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_READWRITE : V4L2_CAP_VIDEO_CAPTURE;
        c->device_caps |= V4L2_CAP_STREAMING;
        // Of all devices of the camera.
        c->capabilities = c->device_caps | V4L2_CAP_DEVICE_CAPS | (output ? 0 : V4L2_CAP_VIDEO_CAPTURE);
        return 0;
    }
    case VIDIOC_ENUM_FMT: {
        struct v4l2_fmtdesc *f = argument;
        __u32 type = output ? V4L2_BUF_TYPE_VIDEO_OUTPUT : V4L2_BUF_TYPE_VIDEO_CAPTURE;
        if (f->type != type || f->index >= (unsigned)count) return EINVAL;
        strcpy((char *)f->description, formats[f->index].name);
        f->flags = formats[f->index].row ? 0 : V4L2_FMT_FLAG_COMPRESSED;
        f->pixelformat = fourcc(&formats[f->index]);
        return 0;
    }
    case VIDIOC_S_FMT: return fault(d->path, "S_FMT") ?: set_format(d, formats, count, argument);
    case VIDIOC_REQBUFS: return fault(d->path, "REQBUFS") ?: request(d, argument);
    case VIDIOC_QUERYBUF:
        if (b->type != V4L2_BUF_TYPE_VIDEO_CAPTURE || b->index >= d->count) return EINVAL;
        tell(d, b->index, b);
        return 0;
    case VIDIOC_QBUF:
        if (b->type != V4L2_BUF_TYPE_VIDEO_CAPTURE || b->memory != V4L2_MEMORY_MMAP || b->index >= d->count) return EINVAL;
        if (d->buffers[b->index].flags != 0) return EINVAL;
        d->buffers[b->index] = (struct buffer){.flags = V4L2_BUF_FLAG_QUEUED, .sequence = d->sequence++};
        return 0;
    case VIDIOC_DQBUF: return fault(d->path, "DQBUF") ?: take(d, b);
    case VIDIOC_STREAMON: {
        int code = fault(d->path, "STREAMON");
        if (code) return code;
        if (*(int *)argument != V4L2_BUF_TYPE_VIDEO_CAPTURE || d->count == 0 || d->streaming) return EINVAL;
        d->streaming = d->running = 1;
        return pthread_create(&d->filler, NULL, fill, d);
    }
    case VIDIOC_STREAMOFF: stop(d); return 0;
    default: return ENOTTY;
    }
}

// ---- in libc's place

static struct device *device(int fd) { return fd >= 0 && fd < FILES ? devices[fd] : NULL; }

static int failed(int code) {
    errno = code;
    return code ? -1 : 0;
}

// The device of this name, opened; -2 where it is none of ours.
static int opened(const char *name) {
    const char *folder = getenv("PORTRAIT_TEST_CAMERAS");
    static const char prefix[] = "/dev/video";
    if (!folder || strncmp(name, prefix, sizeof prefix - 1) != 0) return -2;
    struct device *d = calloc(1, sizeof *d);
    char about_it[32];
    struct format formats[FORMATS];
    snprintf(d->path, PATH, "%s/%s", folder, name + 5);
    int code = about(d->path, about_it, formats) < 0 ? ENOENT : fault(d->path, "OPEN");
    int fd = code ? -1 : memfd_create("camera", MFD_CLOEXEC);
    if (fd < 0 || fd >= FILES) {
        free(d);
        return failed(code ? code : EMFILE);
    }
    d->file = fd;
    pthread_mutex_lock(&lock);
    devices[fd] = d;
    pthread_mutex_unlock(&lock);
    return fd;
}

#define OPEN(function)                                                        \
    int function(const char *name, int flags, ...) {                          \
        va_list list;                                                         \
        va_start(list, flags);                                                \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0; \
        va_end(list);                                                         \
        int fd = opened(name);                                                \
        return fd == -2 ? REAL(function)(name, flags, mode) : fd;             \
    }

OPEN(open)
OPEN(open64)

int close(int fd) {
    struct device *d = device(fd);
    if (d) {
        pthread_mutex_lock(&lock);
        stop(d);
        devices[fd] = NULL;
        if (d->memory) munmap(d->memory, (size_t)d->length * d->count);
        free(d);
        pthread_mutex_unlock(&lock);
    }
    return REAL(close)(fd);
}

int ioctl(int fd, unsigned long what, ...) {
    va_list list;
    va_start(list, what);
    void *argument = va_arg(list, void *);
    va_end(list);
    struct device *d = device(fd);
    if (!d) return REAL(ioctl)(fd, what, argument);
    pthread_mutex_lock(&lock);
    int code = call(d, what, argument);
    pthread_mutex_unlock(&lock);
    return failed(code);
}

ssize_t write(int fd, const void *bytes, size_t count) {
    struct device *d = device(fd);
    if (!d) return REAL(write)(fd, bytes, count);
    char from[PATH + 16], to[PATH + 16], name[32];
    struct format formats[FORMATS];
    FILE *file = NULL;
    int code = 0;
    snprintf(from, sizeof from, "%s.new", d->path);
    snprintf(to, sizeof to, "%s.OUT", d->path);
    pthread_mutex_lock(&lock);
    if (about(d->path, name, formats) < 0) code = ENODEV;
    else if (!is_output(&d->format) || count != d->bytes) code = EINVAL;
    else if (!(file = fopen(from, "wb")) || fwrite(bytes, 1, count, file) != count) code = EIO;
    // Whoever looks sees whole pictures.
    if (file && (fclose(file) != 0 || rename(from, to) != 0)) code = EIO;
    pthread_mutex_unlock(&lock);
    return code ? failed(code) : (ssize_t)count;
}

DIR *opendir(const char *name) {
    const char *folder = getenv("PORTRAIT_TEST_CAMERAS");
    return REAL(opendir)(folder && strcmp(name, "/dev") == 0 ? folder : name);
}
