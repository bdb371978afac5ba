// SPDX-License-Identifier: GPL-2.0-or-later
// A stream whose texts are replaced one after another, against a byte by byte account of who has what number.
#include "fuzz.h"

#include <vector>

extern "C" {
#include "core/seq_adjust.h"
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    lvs_seq_adjust adjust{};
    u32 sent = input.get<u32>(), got = sent; // the next byte's number at either end
    // Each byte is looked at several times, and short texts have every kind of neighbour.
    const u32 longest = sent % 32 ? 16 : 256;

    for (int round = 0; round < 24 && !input.empty(); round++) {
        const u32 plain = input.byte() % longest, len = 1 + input.byte() % longest,
                  new_len = 1 + input.byte() % longest;
        const u32 start = sent + plain, got_start = got + plain;

        MUST(lvs_seq_adjust_text(&adjust, start, len) == LVS_SEQ_TEXT_NEW);
        MUST(lvs_seq_adjust_replace(&adjust, start, len, new_len));
        MUST(lvs_seq_adjust_text(&adjust, start, len) == LVS_SEQ_TEXT_AGAIN);
        MUST(lvs_seq_adjust_text(&adjust, start, len + 1) == LVS_SEQ_TEXT_OLD);
        MUST(lvs_seq_adjust_replace(&adjust, start, len, new_len));
        MUST(!lvs_seq_adjust_replace(&adjust, start, len + 1, new_len));
        MUST(!lvs_seq_adjust_replace(&adjust, start - 1, len, new_len));
        for (u32 i = 0; i <= plain; i++) {
            MUST(lvs_seq_adjust_seq(&adjust, sent + i) == got + i);
            MUST(lvs_seq_adjust_ack(&adjust, got + i) == sent + i);
        }
        for (u32 i = 1; i < new_len; i++)
            MUST(lvs_seq_adjust_ack(&adjust, got_start + i) == start);
        sent = start + len;
        got = got_start + new_len;
        for (u32 i = 0; i < 3; i++) {
            MUST(lvs_seq_adjust_seq(&adjust, sent + i) == got + i);
            MUST(lvs_seq_adjust_ack(&adjust, got + i) == sent + i);
        }
        // Somebody adds a delta to the sender's numbers behind the replacement.
        lvs_seq_adjust shifted = adjust;
        const u32 delta = plain << 24 | len << 12 | new_len;
        lvs_seq_adjust_shift(&shifted, delta);
        for (u32 i = 0; i < new_len + plain; i++)
            MUST(lvs_seq_adjust_ack(&shifted, got - i + delta) == lvs_seq_adjust_ack(&adjust, got - i) + delta);
    }
    // Options that lie: nothing is read or written beyond them.
    std::vector<u8> options(data, data + (size < 40 ? size : 40));
    lvs_seq_adjust_sack(&adjust, options.data(), static_cast<u32>(options.size()));
    return 0;
}
