#include "dispute/challenger/challenger.h"
