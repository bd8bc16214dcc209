/* mark: whoever uses a run that lied on purpose is told so, by every command that takes the run's folder.
 *
 * Uses: training/run/folder, output. */
#ifndef CLI_MARK_H
#define CLI_MARK_H

/* mark_tell says on standard error what a folder's mark or its job.json tells of sabotage; nothing of an honest run,
 * and nothing where no run can be read, which the command itself will say. */
void mark_tell(const char *folder);

#endif
