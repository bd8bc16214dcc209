#include "dispute/claimant/claimant.h"
