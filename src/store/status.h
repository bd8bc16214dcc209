/* status: how a function of this room ends.
 *
 * One enum for the room, as in training: the same few troubles come from the disk whatever is kept on it. The first
 * four are numbered as the program's exit codes. Uses: nothing. */
#ifndef STORE_STATUS_H
#define STORE_STATUS_H

enum store_status {
  STORE_OK = 0,
  STORE_NONE = 1,       /* what was asked for is not there */
  STORE_ERR_INPUT = 2,  /* a file that is damaged, of another chain or version; a wrong password; in use by another */
  STORE_ERR_SYSTEM = 3, /* disk, memory, permission; what was kept is kept */
  STORE_ERR_FULL = 4    /* no space on the disk, or a quota; what was kept is kept, and the same call may be repeated */
};

#endif
