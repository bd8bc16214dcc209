#include "dispute/referee/referee.h"
