// Says that there are more bytes than it gives, so that the library reads beyond them.
#include "check.h"

int main(void) {
    uint8_t *bytes = malloc(8);
    memcpy(bytes, "PORTRAIT", 8);
    PortraitAvatar avatar;
    FAILS(portrait_avatar_read(bytes, 44, &avatar), PORTRAIT_STATUS_AVATAR, "format version");
    free(bytes);
    return 0;
}
