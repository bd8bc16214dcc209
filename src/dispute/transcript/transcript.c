#include "dispute/transcript/transcript.h"
