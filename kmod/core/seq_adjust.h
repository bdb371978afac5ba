/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One direction of a TCP connection in which texts are replaced by others of another length: its
 * bytes have one sequence number at the sender and another one at the receiver.
 *
 * Only the latest replacement is known. Whatever lies before it is taken to lie behind the one
 * before, as it does where a text is sent only once the one before was answered. Numbers are told
 * apart within 2 GB of the latest replacement.
 */
#ifndef LVS_CORE_SEQ_ADJUST_H
#define LVS_CORE_SEQ_ADJUST_H

#include "core/types.h"

/* All zeros: nothing was replaced. The caller sees to it that one at a time changes it. */
struct lvs_seq_adjust {
	u32 start;	/* the sender's number of the first byte that was replaced, */
	u32 end;	/* and of the first byte behind */
	u32 before;	/* what the receiver's numbers have more, up to start, */
	u32 after;	/* and from end */
};

enum lvs_seq_text {
	LVS_SEQ_TEXT_NEW,	/* behind the latest replacement */
	LVS_SEQ_TEXT_AGAIN,	/* the latest one itself: the sender repeats it */
	LVS_SEQ_TEXT_OLD,	/* before it, or overlapping with it */
};

/* What are the @len bytes, not 0, that the sender sent as @seq and on? */
enum lvs_seq_text lvs_seq_adjust_text(const struct lvs_seq_adjust *adjust, u32 seq, u32 len);

/*
 * The @len bytes that the sender sent as @seq and on are replaced by @new_len bytes; neither is 0.
 * True if that is a new replacement or the latest one once more (the sender repeats itself): then
 * the text is to be replaced. False if it must be left alone, since it is older or another one
 * was put in its place.
 */
bool lvs_seq_adjust_replace(struct lvs_seq_adjust *adjust, u32 seq, u32 len, u32 new_len);

/* The receiver's number of a segment that begins with the sender's @seq. */
u32 lvs_seq_adjust_seq(const struct lvs_seq_adjust *adjust, u32 seq);

/*
 * The sender's number of what the receiver acknowledges with @ack. A text of which the receiver
 * has a part is not acknowledged at all, so that the sender repeats all of it.
 */
u32 lvs_seq_adjust_ack(const struct lvs_seq_adjust *adjust, u32 ack);

/*
 * The same for the SACK blocks among the @len bytes of TCP options: a block tells only of texts
 * that are in it as a whole, and may turn out empty. True if there were any.
 */
bool lvs_seq_adjust_sack(const struct lvs_seq_adjust *adjust, u8 *options, u32 len);

/* The sender's numbers are larger by @delta than those that @adjust was made with. */
void lvs_seq_adjust_shift(struct lvs_seq_adjust *adjust, u32 delta);

#endif /* LVS_CORE_SEQ_ADJUST_H */
