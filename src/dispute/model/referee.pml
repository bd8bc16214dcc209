/* referee: what each message must be and what it changes, clocks, invariants, verdict. */
/* The verdict: the honest side has not lost; P6.5 for the two reasons that prove something. */
inline verdict(who, why) {
  loser = who; reason = why; awaits = DECIDED;
  assert(loser != HONEST);
  if
  :: why != BY_CLOCK ->
     assert(who == CLAIMANT && committed != recomputed);
     assert(recomputed == (padding -> 0 : BIT(OWN_LEAF(space, node), element)))
  :: else
  fi
}

/* P6 after every move. */
inline check() {
  if
  :: awaits >= 6 && awaits <= 14 && SEAT == CHALLENGER -> /* P6.1 */
     assert(node_hash != OWN(space, level, node));
     if
     :: space == TEMP && level == 0 -> assert(ROOT_FROM_PATH == values)
     :: space == TEMP && level == 1 -> assert(JOIN_AT(node, 2, path[1], node_hash) == values)
     :: space == OUT && level == 0 -> assert(PAIR_FROM_PATH == after)
     :: else -> assert(node_hash == (space == TEMP -> values : after))
     fi
  :: awaits >= 6 && awaits <= 14 && SEAT == CLAIMANT -> /* P6.2 */
     assert(node_hash == OWN(space, level, node) && !BEYOND(space, level, node))
  :: else
  fi
}

/* The game moves on to `next`: P6.4. A clock runs from now; what exceeded the window is taken from the slack. */
inline move_on(next) {
  assert((next) > awaits);
  if
  :: elapsed > WINDOW -> slack[turn] = slack[turn] - (elapsed - WINDOW)
  :: BROKEN == 21 && elapsed < WINDOW -> slack[turn] = slack[turn] + 1
  :: else
  fi;
  assert(slack[turn] <= SLACK);
  elapsed = 0;
  awaits = next
}

inline tick() {
  elapsed++;
  if
  :: elapsed > WINDOW + slack[turn] && BROKEN != 22 -> verdict(turn, BY_CLOCK)
  :: elapsed > WINDOW + slack[turn] && BROKEN == 22 -> elapsed = 0
  :: else
  fi
}

inline name_node(hash) {
  node_hash = hash;
  node = m_index;
  forget_shown();
  if :: space == TEMP -> after = 0 :: else fi
}

/* `hear`: what is checked of each move, and what it changes. */
#define TURN (awaits % 2 == 0 -> CLAIMANT : CHALLENGER)
#if TEMP_L == 0
#define TEMP_UP(r) ROOT(PAIR(r[0], r[1]), PAIR(r[2], r[3]))
#elif TEMP_L == 1
#define TEMP_UP(r) ROOT(r[0], r[1])
#else
#define TEMP_UP(r) r[0]
#endif
#if OUT_L == 0
#define OUT_UP(r) PAIR(r[4], r[5])
#else
#define OUT_UP(r) r[4]
#endif

inline hear_steps() {
  ok = (m_root == end_root || BROKEN == 12);
  if
  :: ok ->
     i = 1;
     do :: i >= STEPS -> break :: else -> roots[i] = m_row[i]; i++ od;
     roots[STEPS] = m_root;
     end_root = 0;
     move_on(3)
  :: else
  fi
}

inline hear_step() {
  ok = (m_index >= 1 && m_index <= STEPS);
  if
  :: ok ->
     j = m_index;
     before = roots[j - 1]; after = roots[j];
     i = 0;
     do :: i > STEPS -> break :: else -> roots[i] = 0; i++ od;
     move_on(4)
  :: else
  fi
}

inline hear_values() {
  ok = (TEMP_UP(m_row) == m_root || BROKEN == 13) && (OUT_UP(m_row) == after || BROKEN == 14);
  i = 0;
  do
  :: i == ROW(TEMP, TEMP_L) -> break
  :: else -> ok = ok && IN_PLACE(TEMP, TEMP_L, i, m_row[i]); i++
  od;
  i = 0;
  do
  :: i == ROW(OUT, OUT_L) -> break
  :: else -> ok = ok && IN_PLACE(OUT, OUT_L, i, m_row[4 + i]); i++
  od;
  if
  :: ok ->
     values = m_root;
     i = 0;
     do :: i == 6 -> break :: else -> shown[i] = m_row[i]; i++ od;
     move_on(5)
  :: else
  fi
}

inline hear_top_node() {
  ok = (m_space <= OUT && m_index < ROW(m_space, TOP(m_space)));
  ok = (ok -> (BROKEN == 10 || !BEYOND(m_space, TOP(m_space), m_index)) : false);
  if
  :: ok ->
     space = m_space; level = TOP(space); node = m_index;
     if
     :: space == TEMP && level == 0 ->
        path[0] = shown[node ^ 1];
        path[1] = PAIR(shown[(node & 2) ^ 2], shown[((node & 2) ^ 2) + 1])
     :: space == TEMP && level == 1 -> path[1] = shown[node ^ 1]
     :: space == OUT && level == 0 -> path[0] = shown[4 + (node ^ 1)]
     :: else
     fi;
     name_node(shown[4 * space + node]);
     if :: level == 0 -> move_on(10) :: else -> move_on(6) fi
  :: else
  fi
}

inline hear_express() { /* P2.2; the leaf is one of the value's: an absent one cannot be shown */
  ok = (m_space <= OUT && (m_index < LEAF_COUNT(m_space) || (BROKEN == 11 && m_index < ROW(m_space, 0))));
  path[0] = m_row[0]; path[1] = m_row[1]; node = m_index; node_hash = m_root;
  if
  :: ok && m_space == TEMP -> ok = (ROOT_FROM_PATH == values || BROKEN == 9)
  :: ok && m_space == OUT -> ok = (PAIR_FROM_PATH == after || BROKEN == 9); path[1] = 0
  :: else
  fi;
  if
  :: ok -> space = m_space; level = 0; name_node(m_root); move_on(10)
  :: else -> path[0] = 0; path[1] = 0; node = 0; node_hash = 0
  fi
}

inline hear_slab() {
  ok = (JOIN(level, m_row[0], m_row[1]) == node_hash && node_hash != NO_PREIMAGE(level) || BROKEN == 15);
  ok = ok && IN_PLACE(space, level - 1, 2 * node, m_row[0]) && IN_PLACE(space, level - 1, 2 * node + 1, m_row[1]);
  if
  :: ok -> shown[0] = m_row[0]; shown[1] = m_row[1]; move_on(awaits + 1)
  :: else
  fi
}

inline hear_node() {
  ok = (m_index / 2 == node && (BROKEN == 10 || !BEYOND(space, level - 1, m_index)));
  if
  :: ok ->
     level = level - 1;
     path[level] = shown[(m_index & 1) ^ 1];
     name_node(shown[m_index & 1]);
     if :: level == 0 -> move_on(10) :: else -> move_on(awaits + 1) fi
  :: else
  fi
}

inline hear_leaf() {
  ok = (m_leaf < 4 && (node_hash == m_leaf || BROKEN == 16));
  if :: ok -> leaf = m_leaf; move_on(11) :: else fi
}

inline hear_case() {
  ok = (m_index < 2 && (BROKEN == 7 && m_record >= 1 && m_record <= 5 || HAS_LEAF(m_record, space, node)));
  if
  :: ok ->
     record = m_record; element = m_index; committed = BIT(leaf, element);
     index = (HAS_LEAF(record, space, node) -> 2 * (node - FIRST_LEAF(record)) : 0) + element;
     padding = (index >= ELEMENTS(record));
     chunk = 0; count = 1;
     if
     :: padding -> recomputed = 0; count = 0; ok = (BROKEN != 20)
     :: !padding && CHUNKS(record) == 1 -> take_words(m_words[0], m_words[1]); recompute(); recomputed = result
     :: else -> recomputed = m_words[0] ^ m_words[1]
     fi;
     ok = ok && (recomputed != committed || BROKEN == 1);
     if
     :: ok && count == 0 -> move_on(12); verdict(CLAIMANT, NOTHING_TO_DENY)
     :: ok && count > 0 && CHUNKS(record) == 1 -> words[0] = m_words[0]; words[1] = m_words[1]; move_on(14)
     :: ok && count > 0 && CHUNKS(record) == 2 -> results[0] = m_words[0]; results[1] = m_words[1]; move_on(12)
     :: else -> record = 0; element = 0; committed = 0; index = 0; padding = false; recomputed = 0
     fi
  :: else
  fi
}

inline hear_chunk() {
  ok = (m_index < 2 || BROKEN == 18 && m_index == 2);
  if :: ok -> chunk = m_index; move_on(13) :: else fi
}

inline hear_operands() {
  ok = (chunk < 2);
  take_words(m_words[0], m_words[1]); recompute();
  ok = ok && (result == (chunk == 0 -> results[0] : results[1]) || BROKEN == 8);
  if
  :: ok && count == 0 -> move_on(14); verdict(CLAIMANT, NOTHING_TO_DENY)
  :: ok && count > 0 -> words[0] = m_words[0]; words[1] = m_words[1]; move_on(14)
  :: else
  fi
}

inline hear_operand() {
  ok = (m_index < 2);
  take_words(words[0], words[1]);
  locate(m_index);
  ok = ok && (at_range || BROKEN == 19);
  if :: ok -> word = m_index; move_on(15) :: else fi
}

/* PROOF shows leaf m_leaf with path m_row; its place is not sent but follows from the record and the posted words. */
inline hear_proof() {
  take_words(words[0], words[1]);
  locate(word);
  ok = at_range && m_leaf < 4;
  if
  :: BROKEN == 4 -> at_index = m_index
  :: else
  fi;
#if BROKEN == 0 || BROKEN == 26
  assert(at_space != OUT && (at_space != TEMP || space == OUT || at_index / 2 < node)); /* P6.3 */
#endif
  if
  :: at_space == DATA -> result = (m_leaf == data)
  :: at_space == IN -> result = (JOIN_AT(at_index / 2, 1, m_row[0], m_leaf) == before)
  :: else ->
     m_root = JOIN_AT(at_index / 2, 1, m_row[0], m_leaf);
     result = (JOIN_AT(at_index / 4, 2, m_row[1], m_root) == values)
  fi;
  ok = ok && (result || BROKEN == 2) && (BIT(m_leaf, at_index & 1) == words[word] || BROKEN == 3);
  if
  :: ok -> move_on(DECIDED); verdict(CLAIMANT, BY_PROOF)
  :: else
  fi
}

inline hear() {
  if
  :: awaits == 2 -> hear_steps()
  :: awaits == 3 -> hear_step()
  :: awaits == 4 -> hear_values()
  :: awaits == 5 && !m_express -> hear_top_node()
  :: awaits == 5 && m_express -> hear_express()
  :: awaits == 6 || awaits == 8 -> hear_slab()
  :: awaits == 7 || awaits == 9 -> hear_node()
  :: awaits == 10 -> hear_leaf()
  :: awaits == 11 -> hear_case()
  :: awaits == 12 -> hear_chunk()
  :: awaits == 13 -> hear_operands()
  :: awaits == 14 -> hear_operand()
  :: awaits == 15 -> hear_proof()
  fi
}
