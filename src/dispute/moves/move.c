#include "dispute/moves/move.h"
