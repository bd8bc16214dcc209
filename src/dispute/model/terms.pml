/* Terms. Level 0: a leaf's bits 0..3, 4 nothing hashes to, 5 absent. Level 1: 6 * left + right, 36 nothing hashes to;
 * two absent leaves are 35, the absent node (M1.2). Level 2: 37 * left + right, 1369 nothing hashes to. */
#define LEAF_TERMS 6
#define PAIR_TERMS 37
#define ROOT_TERMS 1370
#define PAIR(l, r) (6 * (l) + (r))
#define ROOT(l, r) (37 * (l) + (r))
#define JOIN(level, l, r) ((level) == 1 -> PAIR(l, r) : ROOT(l, r))
#define LEFT(level, t) ((level) == 1 -> (t) / 6 : (t) / 37)
#define RIGHT(level, t) ((level) == 1 -> (t) % 6 : (t) % 37)
#define NO_PREIMAGE(level) ((level) == 1 -> 36 : 1369)
#define ABSENT(level) ((level) == 0 -> 5 : 35)
#define NO_LEAF 4
#define STATE_ROOT(bits) PAIR((bits) & 3, (bits) >> 2)

#define HEIGHT(s) ((s) == TEMP -> 2 : 1)
#define TOP(s) ((s) == TEMP -> TEMP_L : OUT_L)
#define ROW(s, level) ((1 << HEIGHT(s)) >> (level))
#define LEAF_COUNT(s) ((s) == TEMP -> LEAVES : 2)
#define BEYOND(s, level, i) (((i) << (level)) >= LEAF_COUNT(s))
/* A node stands where one should: absent exactly beyond the leaves. No node above a leaf is beyond here. */
#define IN_PLACE(s, level, i, t) (BROKEN == 17 || ((level) < 2 && (t) == ABSENT(level)) == BEYOND(s, level, i))

/* The honest values of the step in dispute. */
#define OWN_LEAF(s, i) ((s) == TEMP -> own_temp[i] : own_out[i])
#define OWN_PAIR(s, i) PAIR(OWN_LEAF(s, 2 * (i)), OWN_LEAF(s, 2 * (i) + 1))
#define OWN_VALUES ROOT(PAIR(own_temp[0], own_temp[1]), PAIR(own_temp[2], own_temp[3]))
#define OWN(s, level, i) ((level) == 0 -> OWN_LEAF(s, i) : ((level) == 1 -> OWN_PAIR(s, i) : OWN_VALUES))
/* What the named leaf or node and the recorded siblings join to. */
#define JOIN_AT(i, level, sibling, t) (((i) & 1) -> JOIN(level, sibling, t) : JOIN(level, t, sibling))
#define PAIR_FROM_PATH JOIN_AT(node, 1, path[0], node_hash)
#define ROOT_FROM_PATH JOIN_AT(node / 2, 2, path[1], PAIR_FROM_PATH)
#define BIT(x, i) (((x) >> (i)) & 1)
