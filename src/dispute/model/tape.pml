/* tape: the records of the model, where their words are read, and what an element is. */
#define FIRST_LEAF(r) ((r) <= 3 -> (r) - 1 : (r) - 4)
#define VALUE_LEAVES(r) ((r) == 3 -> LEAVES - 2 : 1)
#define ELEMENTS(r) ((r) == 2 -> 1 : ((r) == 3 -> LEAVES - 1 : 2))
#define CHUNKS(r) (((r) == 2 || (r) == 5) -> 2 : 1)
#define HAS_LEAF(r, s, leaf) \
  ((r) >= 1 && (r) <= 5 && ((r) >= 4) == (s) && (leaf) >= FIRST_LEAF(r) && (leaf) < FIRST_LEAF(r) + VALUE_LEAVES(r))
#define RECORD_OF(s, leaf) ((s) == OUT -> 4 + (leaf) : ((leaf) < 2 -> (leaf) + 1 : 3))

/* An index word stands before the word that is found through it (P2.4). */
#if BROKEN == 6
#define INDEX 1
#define FOUND 0
#else
#define INDEX 0
#define FOUND 1
#endif

/* Where word n of the chunk was read, by the index words in `w`; at_range is false if it is out of range (TAPE 4.5)
 * or there is no such word. */
inline locate(word_n) {
  at_space = IN; at_index = 0; at_range = true;
  if
  :: record == 1 && (word_n) == INDEX -> at_index = index
  :: record == 1 && (word_n) == FOUND -> at_space = DATA; at_index = w[INDEX] + index; at_range = (at_index < 2)
  :: record == 2 && (word_n) == INDEX -> at_space = TEMP; at_index = (BROKEN == 26 -> 2 : chunk)
  :: record == 2 && (word_n) == FOUND -> at_index = 2 * w[INDEX] + 1 + chunk; at_range = (at_index < 4)
  :: record == 4 && (word_n) == 0 -> at_space = TEMP; at_index = 2
  :: record == 4 && (word_n) == 1 -> at_index = index
  :: record == 5 && (word_n) == 0 -> at_space = TEMP; at_index = 4 + index; at_range = (chunk == 0)
  :: record == 5 && (word_n) == 1 -> at_space = DATA; at_index = index; at_range = (chunk == 0)
  :: else -> at_range = false
  fi
}

inline take_words(first, second) { w[0] = first; w[1] = second }

/* Result of a chunk from its words in `w`, how many can be denied, ok = false if one out of range is not 0. */
inline recompute() {
  count = 0;
  n = 0;
  do
  :: n == 2 -> break
  :: else ->
     locate(n);
     if
     :: at_range -> count++; x[n] = w[n]
     :: else -> x[n] = 1; /* the operand's fill */
        if :: w[n] != 0 -> ok = false :: else fi
     fi;
     n++
  od;
  if
  :: record == 1 -> result = x[FOUND]
  :: record == 3 -> result = (j + index) & 1
  :: record == 5 -> result = x[0] & x[1]
  :: else -> result = x[0] ^ x[1]
  fi
}

/* The honest side's words of a chunk, into `w`: index first, whatever the order in which they are posted. */
inline own_words_of_chunk() {
  w[0] = 0; w[1] = 0;
  n = INDEX;
  do
  :: n == 2 -> break
  :: else ->
     locate(n);
     if
     :: at_range && at_space == TEMP -> w[n] = BIT(own_temp[at_index / 2], at_index % 2)
     :: at_range && at_space == IN -> w[n] = BIT(own_before, at_index)
     :: at_range && at_space == DATA -> w[n] = BIT(data, at_index)
     :: else
     fi;
     if :: n == INDEX -> n = FOUND :: else -> n = 2 fi
  od
}

inline own_result_of_chunk() { own_words_of_chunk(); recompute() }

/* Fills own_temp and own_out: step j from own_before, record by record. */
inline materialise() {
  own_temp[0] = 0; own_temp[1] = 0; own_temp[2] = 0; own_temp[3] = (LEAVES == 4 -> 0 : 5);
  own_out[0] = 0; own_out[1] = 0;
  record = 1;
  do
  :: record == 6 -> break
  :: else ->
     index = 0;
     do
     :: index == ELEMENTS(record) -> break
     :: else ->
        chunk = 0; i = 0;
        do
        :: chunk == CHUNKS(record) -> break
        :: else -> own_result_of_chunk(); i = i ^ result; chunk++
        od;
        if
        :: record <= 3 -> own_temp[FIRST_LEAF(record) + index / 2] =
             own_temp[FIRST_LEAF(record) + index / 2] | (i << (index % 2))
        :: else -> own_out[FIRST_LEAF(record)] = own_out[FIRST_LEAF(record)] | (i << (index % 2))
        fi;
        index++
     od;
     record++
  od;
  record = 0; index = 0; chunk = 0; i = 0;
  scratch()
}

/* Nothing is left of what was worked with. */
inline scratch() {
  n = 0; at_space = 0; at_index = 0; at_range = false; x[0] = 0; x[1] = 0; count = 0; result = 0;
  w[0] = 0; w[1] = 0
}
