/* status: how a function of this room ends, numbered as the program's exit codes.
 *
 * One enum for the whole room, because the same few troubles (a bad file, a full disk, too little memory) come up from
 * every folder of it and travel unchanged to the command line. Uses: nothing. */
#ifndef TRAINING_STATUS_H
#define TRAINING_STATUS_H

enum training_status {
  TRAINING_OK = 0,
  TRAINING_NO = 1,           /* the work was done and its answer is no: diverged, differs */
  TRAINING_ERR_INPUT = 2,    /* bad input or damaged file; nothing was overwritten */
  TRAINING_ERR_SYSTEM = 3,   /* disk, memory, permission; the last good state is kept */
  TRAINING_INTERRUPTED = 130 /* stopped on request after saving */
};

#endif
