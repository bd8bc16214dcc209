#include "dispute/evidence/evidence.h"
