#include "crypto/sign.h"
#include "replay/answers.h"

const char *const answers_from = "the library";

bool answers_open(void) { return sign_open(NULL) == SIGN_OK; }
void answers_give(const uint8_t *bytes, size_t length) { (void)bytes, (void)length; }
bool answers_done(void) { return true; }
