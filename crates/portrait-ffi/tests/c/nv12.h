// Frames as cameras of phones give them, made of RGBA.
#ifndef NV12_H
#define NV12_H
#include "check.h"

// Luma, and chroma in turns: BT.601 or BT.709, all values used or luma from 16 to 235 and chroma from 16 to 240.
static inline uint8_t *nv12(const PortraitFrame *rgba, uint32_t colour, PortraitFrame *out) {
    bool bt709 = colour == PORTRAIT_COLOUR_BT709 || colour == PORTRAIT_COLOUR_BT709_FULL;
    bool full = colour == PORTRAIT_COLOUR_BT601_FULL || colour == PORTRAIT_COLOUR_BT709_FULL;
    double red = bt709 ? 0.2126 : 0.299, blue = bt709 ? 0.0722 : 0.114;
    double from = full ? 0 : 16, luma_scale = full ? 1 : 219.0 / 255, chroma_scale = full ? 1 : 224.0 / 255;
    size_t side = rgba->width, area = side * side;
    uint8_t *bytes = malloc(area + area / 2);
    CHECK(bytes != NULL && side % 2 == 0);
    for (size_t y = 0; y < side; y++)
        for (size_t x = 0; x < side; x++) {
            const uint8_t *p = rgba->planes[0] + 4 * (y * side + x);
            double luma = red * p[0] + (1 - red - blue) * p[1] + blue * p[2];
            bytes[y * side + x] = (uint8_t)(from + luma_scale * luma + 0.5);
            if (x % 2 == 0 && y % 2 == 0) {
                uint8_t *chroma = bytes + area + y / 2 * side + x;
                chroma[0] = (uint8_t)(128.5 + chroma_scale * (p[2] - luma) / (2 - 2 * blue));
                chroma[1] = (uint8_t)(128.5 + chroma_scale * (p[0] - luma) / (2 - 2 * red));
            }
        }
    *out = *rgba;
    out->format = PORTRAIT_FORMAT_NV12;
    out->colour = colour;
    out->planes[0] = bytes;
    out->planes[1] = bytes + area;
    out->lengths[0] = area;
    out->lengths[1] = area / 2;
    out->strides[0] = out->strides[1] = side;
    return bytes;
}

#endif
