// Forgets what it allocated: the check of leaks must say so.
#include "check.h"

int main(void) {
    char *volatile forgotten = malloc(100);
    CHECK(forgotten != NULL);
    forgotten = NULL;
    return 0;
}
