#include "cli/mark.h"
#include "cli/output.h"
#include "training/run/folder.h"

void mark_tell(const char *folder) {
  static struct folder_info info; /* large */
  struct arena arena;
  struct sabotage s;
  if (!arena_open(&arena, (size_t)64 << 20)) return;
  if (folder_read(folder, &arena, &info, NULL) == TRAINING_OK && *info.sabotage &&
      sabotage_parse(info.sabotage, &s, NULL) == TRAINING_OK)
    note("WARNING  %s is a run that lied on purpose (%s: %s); it is for tests and demonstrations only", folder,
         info.sabotage, sabotage_meaning(s.kind));
  arena_shut(&arena);
}
