#include "cli/submit/elsewhere.h"

const struct elsewhere elsewhere_row[ELSEWHERE_ROWS] = {
    {"A100 SXM 80 GB", "RunPod community cloud", "2026-11-09", 1.39, 19500, 30},
    {"A100 SXM 80 GB", "Lambda, one of 8", "2026-09-20", 2.79, 19500, 30},
    {"H100 SXM 80 GB", "RunPod secure cloud", "2026-11-09", 3.99, 67000, 30},
    {"H100 SXM 80 GB", "AWS p5.48xlarge, one of 8", "2026-11-09", 6.88, 67000, 30},
    {"2 vCPUs", "AWS m7g.large", "2026-06-17", 0.0816, 158, 60},
};

double elsewhere_usd(const struct elsewhere *row, uint64_t operations) {
  double per_second = row->gflops * 1e9 * row->use_percent / 100;
  return (double)operations / per_second / 3600 * row->usd_hour;
}
