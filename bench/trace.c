// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QEMU TCG plugin: how often did the guest execute each kernel instruction between two marks?
 *
 * The guest marks with a no-op that nothing else contains: nopl 0x4c5653NN(%rax,%rax,1).
 *   NN = 01: forget all counts
 *   NN = 02: write the counts to DIRECTORY/N.counts, N = 0, 1, ...: lines "ADDRESS COUNT", in no order
 *
 * Usage: qemu-system-x86_64 -plugin trace.so,dir=DIRECTORY -icount shift=0 -smp 1 ...
 *
 * Each translated block has one counter, which the block's code increments by itself, so tracing hardly slows the
 * guest down. A block that an exception cuts short counts whole: that is rare in the kernel, and no sum depends on it.
 */

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What we need of QEMU's plugin interface, version 1. Debian does not ship its header. */
typedef uint64_t qemu_plugin_id_t;
struct qemu_info;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, enum qemu_plugin_op, void *, uint64_t);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, void (*)(unsigned int, void *),
					    enum qemu_plugin_cb_flags, void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

/* One translated block. The same code may be translated again and again; the reader of the file adds up. */
struct block {
	struct block *next;
	uint64_t executed;
	size_t n;
	uint64_t address[];
};

static struct block *blocks;
static const char *directory = ".";
static unsigned int files;

static const uint64_t kernel_space = UINT64_C(0xffff800000000000);
static const unsigned char mark[] = { 0x0f, 0x1f, 0x84, 0x00 };
static const uint32_t mark_forget = 0x4c565301;
static const uint32_t mark_write = 0x4c565302;

static void forget(unsigned int vcpu, void *unused)
{
	(void)vcpu;
	(void)unused;
	for (struct block *block = blocks; block; block = block->next)
		block->executed = 0;
}

static void write_counts(unsigned int vcpu, void *unused)
{
	char path[4096];
	FILE *file;

	(void)vcpu;
	(void)unused;
	snprintf(path, sizeof(path), "%s/%u.counts", directory, files++);
	file = fopen(path, "w");
	if (!file) {
		perror(path);
		return;
	}
	for (const struct block *block = blocks; block; block = block->next)
		for (size_t i = 0; block->executed && i < block->n; i++)
			fprintf(file, "%" PRIx64 " %" PRIu64 "\n", block->address[i], block->executed);
	fclose(file);
}

static void watch_for_mark(struct qemu_plugin_insn *insn)
{
	unsigned char code[8];
	uint32_t value;

	if (qemu_plugin_insn_size(insn) != sizeof(code))
		return;
	memcpy(code, qemu_plugin_insn_data(insn), sizeof(code));
	if (memcmp(code, mark, sizeof(mark)))
		return;
	memcpy(&value, code + sizeof(mark), sizeof(value));
	if (value == mark_forget)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, forget, QEMU_PLUGIN_CB_NO_REGS, NULL);
	else if (value == mark_write)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, write_counts, QEMU_PLUGIN_CB_NO_REGS, NULL);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	struct block *block;

	(void)id;
	if (qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0)) < kernel_space) {
		for (size_t i = 0; i < n; i++)
			watch_for_mark(qemu_plugin_tb_get_insn(tb, i));
		return;
	}
	block = calloc(1, sizeof(*block) + n * sizeof(block->address[0]));
	if (!block)
		return;
	block->n = n;
	for (size_t i = 0; i < n; i++)
		block->address[i] = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, i));
	block->next = blocks;
	blocks = block;
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &block->executed, 1);
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info,
							       int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], "dir=", 4)) {
			fprintf(stderr, "trace: unknown argument %s\n", argv[i]);
			return -1;
		}
		directory = strdup(argv[i] + 4);
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
