/* players: an honest side plays P4; a liar says whatever it likes. */

/* An honest challenger: P4.1, P4.4. Of a row that was shown, the lowest node that is not its own. */
inline lowest_difference(s, lvl, from, until, row_base) {
  m_index = from;
  do
  :: m_index == until -> silent = true; break
  :: m_index < until && shown[row_base + m_index - from] != OWN(s, lvl, m_index) -> break
  :: else -> m_index++
  od
}

inline honest_step() {
  m_index = 1;
  do
  :: m_index < STEPS && (roots[m_index] == STATE_ROOT(own_state[m_index]) || BROKEN == 25) -> m_index++
  :: else -> break
  od;
  silent = (roots[m_index] == STATE_ROOT(own_state[m_index]))
}

inline honest_top_node() {
  m_space = (values != OWN_VALUES -> TEMP : OUT);
  if
  :: BROKEN == 23 && after != OWN_PAIR(OUT, 0) -> m_space = OUT
  :: else
  fi;
  lowest_difference(m_space, TOP(m_space), 0, ROW(m_space, TOP(m_space)), 4 * m_space);
#if BROKEN == 24
  m_index = ROW(m_space, TOP(m_space)) - 1;
  do
  :: shown[4 * m_space + m_index] == OWN(m_space, TOP(m_space), m_index) && m_index > 0 -> m_index--
  :: else -> break
  od
#endif
}

/* The claimant may have served its leaf hashes, and if they hash up to what it showed, they serve as the way (P2.2). */
#define SERVED (m_space == OUT -> after != 36 : values != 1369 && values / 37 != 36 && values % 37 != 36)
#define SERVED_PAIR(k) (m_space == OUT -> after : ((k) == 0 -> values / 37 : values % 37))
#define SERVED_LEAF(k) (((k) & 1) -> SERVED_PAIR((k) / 2) % 6 : SERVED_PAIR((k) / 2) / 6)
inline honest_express() {
  m_space = (values != OWN_VALUES -> TEMP : OUT);
  silent = !SERVED;
  m_index = 0;
  do
  :: silent || m_index == LEAF_COUNT(m_space) -> silent = true; break
  :: !silent && m_index < LEAF_COUNT(m_space) && SERVED_LEAF(m_index) != OWN_LEAF(m_space, m_index) -> break
  :: else -> m_index++
  od;
  if
  :: !silent ->
     m_express = true;
     m_root = SERVED_LEAF(m_index);
     m_row[0] = SERVED_LEAF(m_index ^ 1);
     m_row[1] = (m_space == TEMP -> SERVED_PAIR((m_index / 2) ^ 1) : 0)
  :: else -> m_index = 0; m_space = 0
  fi
}

inline honest_case() {
  m_index = 0;
  if
  :: BIT(leaf, 0) == BIT(OWN_LEAF(space, node), 0) -> m_index = 1
  :: else
  fi;
  m_record = RECORD_OF(space, node);
  /* The words are found with the fields that the case will set; they are cleared again before it is heard. */
  record = m_record; index = 2 * (node - FIRST_LEAF(record)) + m_index;
  if
  :: index >= ELEMENTS(record) -> skip
  :: index < ELEMENTS(record) && CHUNKS(record) == 1 ->
     own_words_of_chunk(); m_words[0] = w[0]; m_words[1] = w[1]
  :: else ->
     own_result_of_chunk(); m_words[0] = result;
     chunk = 1; own_result_of_chunk(); m_words[1] = result; chunk = 0
  fi;
  record = 0; index = 0
}

inline honest_proof() {
  take_words(words[0], words[1]);
  locate(word);
  i = at_index / 2;
  if
  :: !at_range -> silent = true
  :: at_range && at_space == DATA -> m_leaf = data
  :: at_range && at_space == IN -> m_leaf = (own_before >> (2 * i)) & 3; m_row[0] = (own_before >> (2 * (i ^ 1))) & 3
  :: else ->
     m_leaf = own_temp[i];
     if
     :: space == OUT -> m_row[0] = own_temp[i ^ 1]; m_row[1] = OWN_PAIR(TEMP, (i / 2) ^ 1)
     :: else -> /* P4.4: left of the leaf in dispute both trees are the same; the rest was shown */
        m_row[0] = ((i ^ 1) == node -> node_hash : own_temp[i ^ 1]);
        if
        :: (i / 2) == (node / 2) -> m_row[1] = path[1]
        :: else -> m_row[1] = PAIR_FROM_PATH /* a tree of height 2 has no third pair */
        fi
     fi
  fi
}

inline honest_challenger() {
  if
  :: awaits == 3 -> honest_step()
  :: awaits == 5 -> honest_top_node()
  :: awaits == 5 -> honest_express();
     if :: silent -> silent = false; honest_top_node() :: else fi
  :: awaits == 7 || awaits == 9 -> lowest_difference(space, level - 1, 2 * node, 2 * node + 2, 0)
  :: awaits == 11 -> honest_case()
  :: awaits == 13 && chunk < 2 -> own_words_of_chunk(); m_words[0] = w[0]; m_words[1] = w[1]
  :: awaits == 13 && chunk == 2 -> silent = true
  :: awaits == 15 -> honest_proof()
  fi
}

/* Rows of VALUES: nodes of V at its level L, whatever they are, or the honest ones; what S_j is the hash of, if
 * anything; the honest nodes of S_j. */
inline any_temp_row() {
#if TEMP_L == 0
  do
  :: i == LEAVES -> break
  :: else -> select(m_index : 0 .. LEAF_TERMS - 1); m_row[i] = m_index; i++
  od;
  if :: LEAVES == 3 -> m_row[3] = 5 :: LEAVES == 3 -> m_row[3] = 0 :: LEAVES == 4 fi
#else
  select(m_index : 0 .. PAIR_TERMS - 1); m_row[0] = m_index;
#if LEAVES == 3
  if :: select(m_index : 0 .. LEAF_TERMS - 1); m_row[1] = PAIR(m_index, 5) :: m_row[1] = PAIR(2, 1) :: m_row[1] = 36 fi;
#else
  select(m_index : 0 .. PAIR_TERMS - 1); m_row[1] = m_index;
#endif
#if TEMP_L == 2
  if :: m_row[0] = ROOT(m_row[0], m_row[1]) :: m_row[0] = 1369 fi;
#endif
  m_row[1] = (TEMP_L == 2 -> 0 : m_row[1])
#endif
}

inline own_temp_row() {
  i = 0;
  do :: i == ROW(TEMP, TEMP_L) -> break :: else -> m_row[i] = OWN(TEMP, TEMP_L, i); i++ od
}

inline own_out_row() {
  i = 0;
  do :: i == ROW(OUT, OUT_L) -> break :: else -> m_row[4 + i] = OWN(OUT, OUT_L, i); i++ od
}

inline row_of_after() {
  if
  :: OUT_L == 1 -> m_row[4] = after
  :: OUT_L == 0 && after != 36 -> m_row[4] = after / 6; m_row[5] = after % 6
  :: OUT_L == 0 && after == 36 -> own_out_row() /* there is nothing that could pass */
  fi
}

/* An honest claimant: P4.2. */
inline honest_wrong_chunk() {
  own_result_of_chunk();
  if
  :: result != results[0] -> m_index = 0
  :: else ->
     chunk = 1; own_result_of_chunk(); chunk = 0;
     m_index = 1; silent = (result == results[1])
  fi
}

inline honest_wrong_word() {
  own_words_of_chunk();
#if BROKEN == 5
  if
  :: words[1] != w[1] -> m_index = 1
  :: words[1] == w[1] && words[0] != w[0] -> m_index = 0
  :: else -> silent = true
  fi
#else
  if
  :: words[0] != w[0] -> m_index = 0
  :: words[0] == w[0] && words[1] != w[1] -> m_index = 1
  :: else -> silent = true
  fi
#endif
}

inline honest_claimant() {
  i = 0;
  if
  :: awaits == 2 ->
     m_root = end_root;
     do :: i >= STEPS -> break :: else -> m_row[i] = STATE_ROOT(own_state[i]); i++ od
  :: awaits == 4 ->
     m_root = OWN_VALUES; own_temp_row(); own_out_row()
  :: awaits == 6 || awaits == 8 ->
     m_row[0] = OWN(space, level - 1, 2 * node); m_row[1] = OWN(space, level - 1, 2 * node + 1)
  :: awaits == 10 -> m_leaf = OWN_LEAF(space, node)
  :: awaits == 12 -> honest_wrong_chunk()
  :: awaits == 14 -> honest_wrong_word()
  fi
}

/* Any claimant. It committed to the end root; every other root it names when it shows what lies under it. */
inline any_claimant() {
  if
  :: awaits == 2 ->
     i = 1;
     do
     :: i >= STEPS -> break
     :: else -> select(m_index : 0 .. PAIR_TERMS - 1); m_row[i] = m_index; i++
     od;
     if :: m_root = end_root :: m_root = STATE_ROOT(own_state[STEPS]) fi
  :: awaits == 4 ->
     if
     :: any_temp_row(); m_root = TEMP_UP(m_row); row_of_after()
     :: own_temp_row(); row_of_after(); if :: m_root = OWN_VALUES :: m_root = 1369 fi
     :: own_temp_row(); m_root = OWN_VALUES; own_out_row()
     fi
  :: (awaits == 6 || awaits == 8) && node_hash != NO_PREIMAGE(level) ->
     m_row[0] = LEFT(level, node_hash); m_row[1] = RIGHT(level, node_hash)
  :: awaits == 6 || awaits == 8 ->
     m_row[0] = OWN(space, level - 1, 2 * node); m_row[1] = OWN(space, level - 1, 2 * node + 1)
  :: awaits == 10 -> select(m_index : 0 .. 3); m_leaf = m_index
  :: awaits == 12 || awaits == 14 -> select(m_index : 0 .. 2)
  fi
}

/* Any challenger. */
inline any_words() {
  select(i : 0 .. 3);
  m_words[0] = i & 1; m_words[1] = i >> 1
}

inline any_challenger() {
  if
  :: awaits == 3 -> select(m_index : 0 .. STEPS + 1)
  :: awaits == 5 -> select(m_space : 0 .. 2); select(m_index : 0 .. 4)
  :: awaits == 5 ->
     m_express = true;
     select(i : 0 .. LEAF_TERMS - 1); m_root = i;
     select(i : 0 .. LEAF_TERMS - 1); m_row[0] = i;
     select(m_space : 0 .. 1); select(m_index : 0 .. 3);
     if :: m_row[1] = OWN_PAIR(TEMP, ((m_index / 2) ^ 1)) :: m_row[1] = 36 fi
  :: awaits == 7 || awaits == 9 -> select(m_index : 0 .. 4)
  :: awaits == 11 -> select(m_index : 0 .. 2); select(m_record : 0 .. 6); any_words()
  :: awaits == 13 -> any_words()
  :: awaits == 15 ->
     select(i : 0 .. 3); m_leaf = i;
     select(i : 0 .. LEAF_TERMS - 1); m_row[0] = i;
     if :: m_row[1] = OWN_PAIR(TEMP, 0) :: m_row[1] = OWN_PAIR(TEMP, 1) :: m_row[1] = 36 fi;
     if
     :: BROKEN == 4 -> select(m_index : 0 .. 7)
     :: else
     fi
  fi
}
