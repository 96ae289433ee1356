// Frames as cameras of phones give them, made of RGBA.
#ifndef YUV_H
#define YUV_H
#include "check.h"

// Luma and chroma of a square frame, as NV12, NV21 or I420, by BT.601 or BT.709, all values used or luma from 16 to 235 and chroma from
// 16 to 240. Each row is followed by so many bytes of something else.
static inline uint8_t *yuv(const PortraitFrame *rgba, uint32_t format, uint32_t colour, size_t gap, PortraitFrame *out) {
    bool bt709 = colour == PORTRAIT_COLOUR_BT709 || colour == PORTRAIT_COLOUR_BT709_FULL;
    bool full = colour == PORTRAIT_COLOUR_BT601_FULL || colour == PORTRAIT_COLOUR_BT709_FULL;
    double red_part = bt709 ? 0.2126 : 0.299, blue_part = bt709 ? 0.0722 : 0.114;
    double from = full ? 0 : 16, luma_scale = full ? 1 : 219.0 / 255, chroma_scale = full ? 1 : 224.0 / 255;
    bool turns = format != PORTRAIT_FORMAT_I420;
    size_t side = rgba->width, half = side / 2, step = turns ? 2 : 1, length = 0;
    CHECK(side % 2 == 0 && rgba->height == side);
    *out = *rgba;
    out->format = format;
    out->colour = colour;
    for (int i = 0; i < (turns ? 2 : 3); i++) {
        out->strides[i] = (i == 0 ? side : step * half) + gap;
        out->lengths[i] = out->strides[i] * (i == 0 ? side : half);
        length += out->lengths[i];
    }
    uint8_t *luma = malloc(length);
    CHECK(luma != NULL);
    memset(luma, 0xa5, length);
    uint8_t *first = luma + out->lengths[0], *second = first + (turns ? 1 : out->lengths[1]);
    out->planes[0] = luma;
    out->planes[1] = first;
    out->planes[2] = turns ? NULL : second;
    uint8_t *blue = format == PORTRAIT_FORMAT_NV21 ? second : first, *red = format == PORTRAIT_FORMAT_NV21 ? first : second;
    for (size_t y = 0; y < side; y++)
        for (size_t x = 0; x < side; x++) {
            const uint8_t *p = rgba->planes[0] + y * rgba->strides[0] + 4 * x;
            double light = red_part * p[0] + (1 - red_part - blue_part) * p[1] + blue_part * p[2];
            luma[y * out->strides[0] + x] = (uint8_t)(from + luma_scale * light + 0.5);
            if (x % 2 == 0 && y % 2 == 0) {
                size_t at = y / 2 * out->strides[1] + x / 2 * step;
                blue[at] = (uint8_t)(128.5 + chroma_scale * (p[2] - light) / (2 - 2 * blue_part));
                red[at] = (uint8_t)(128.5 + chroma_scale * (p[0] - light) / (2 - 2 * red_part));
            }
        }
    return luma;
}

#endif
