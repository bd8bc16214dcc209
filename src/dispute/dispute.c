#include "dispute/dispute.h"
