// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a real server's kernel takes for a connection from its SYN to its end, as bench/guest.py's command accept asks.
 *
 *	accept CONNECTIONS
 *
 * The client is this program, too, on the far side of a tun device: it writes a SYN, reads the answer, writes the segment
 * that completes the handshake, with the client's address in an option as FULLNAT directors put it there, and in the end
 * a RST. The server listens, accepts with the peer's address, and closes. Prints the ns (in the bench's VM: the instructions)
 * of all that, one connection with another.
 */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SERVER 0x0a030001u /* 10.3.0.1, this host's on the tun device */
#define DIRECTOR 0x0a030002u
#define CLIENT 0xcb007107u /* 203.0.113.7 */
#define PORT 80
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

struct frame {
	struct {
		uint8_t version, tos;
		uint16_t length, id, fragment;
		uint8_t ttl, protocol;
		uint16_t check;
		uint32_t source, destination;
	} ip;
	struct {
		uint16_t source, destination;
		uint32_t seq, ack;
		uint8_t offset, flags;
		uint16_t window, check, urgent;
	} tcp;
	uint8_t options[8];
} __attribute__((packed));

static uint32_t sum(const void *data, size_t length)
{
	const uint8_t *byte = data;
	uint32_t total = 0;

	for (size_t i = 0; i + 1 < length; i += 2)
		total += byte[i] << 8 | byte[i + 1];
	return total;
}

static uint16_t folded(uint32_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return htons(~total);
}

static void send_segment(int tun, uint16_t port, uint8_t flags, uint32_t seq, uint32_t ack, bool told)
{
	struct frame frame = {
		.ip = { .version = 0x45, .ttl = 64, .protocol = IPPROTO_TCP, .source = htonl(DIRECTOR), .destination = htonl(SERVER) },
		.tcp = { .source = htons(port), .destination = htons(PORT), .seq = htonl(seq), .ack = htonl(ack), .flags = flags,
			 .window = htons(65535) },
	};
	size_t tcp_length = sizeof(frame.tcp) + (told ? sizeof(frame.options) : 0);
	size_t length = sizeof(frame.ip) + tcp_length;

	if (told) {
		uint16_t client_port = htons(port);
		uint32_t client = htonl(CLIENT);

		frame.options[0] = 254;
		frame.options[1] = 8;
		memcpy(frame.options + 2, &client_port, 2);
		memcpy(frame.options + 4, &client, 4);
	}
	frame.ip.length = htons(length);
	frame.ip.check = folded(sum(&frame.ip, sizeof(frame.ip)));
	frame.tcp.offset = tcp_length / 4 << 4;
	frame.tcp.check = folded(sum(&frame.ip.source, 8) + IPPROTO_TCP + tcp_length + sum(&frame.tcp, tcp_length));
	if (write(tun, &frame, length) != (ssize_t)length)
		err(1, "writing to the tun device");
}

/* The next segment of the server's to that port that has all these flags. */
static uint32_t expect(int tun, uint16_t port, uint8_t flags)
{
	char buffer[2048];

	for (int tries = 0; tries < 100; tries++) {
		const struct frame *frame = (const void *)buffer;
		ssize_t length = read(tun, buffer, sizeof(buffer));

		if (length < 0)
			err(1, "reading from the tun device");
		if (length >= (ssize_t)(sizeof(frame->ip) + sizeof(frame->tcp)) && frame->ip.version == 0x45 &&
		    frame->ip.protocol == IPPROTO_TCP && frame->tcp.destination == htons(port) &&
		    (frame->tcp.flags & flags) == flags)
			return ntohl(frame->tcp.seq);
	}
	errx(1, "the server does not answer");
}

static int open_tun(void)
{
	struct ifreq request = { .ifr_name = "accept0", .ifr_flags = IFF_TUN | IFF_NO_PI };
	struct sockaddr_in *address = (struct sockaddr_in *)&request.ifr_addr;
	int tun = open("/dev/net/tun", O_RDWR), control = socket(AF_INET, SOCK_DGRAM, 0);

	if (tun < 0 || ioctl(tun, TUNSETIFF, &request))
		err(1, "making a tun device");
	*address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(SERVER) };
	if (ioctl(control, SIOCSIFADDR, &request))
		err(1, "its address");
	address->sin_addr.s_addr = htonl(0xffffff00);
	if (ioctl(control, SIOCSIFNETMASK, &request))
		err(1, "its netmask");
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(control, SIOCSIFFLAGS, &request))
		err(1, "setting it up");
	close(control);
	return tun;
}

static void serve_one(int tun, int listener, uint16_t port)
{
	struct sockaddr_in peer;
	socklen_t size = sizeof(peer);
	uint32_t seq = 1000 + port, answer;
	int connection;

	send_segment(tun, port, SYN, seq, 0, false);
	answer = expect(tun, port, SYN | ACK);
	send_segment(tun, port, ACK, seq + 1, answer + 1, true);
	connection = accept(listener, (struct sockaddr *)&peer, &size);
	if (connection < 0)
		err(1, "accept");
	close(connection);
	send_segment(tun, port, RST | ACK, seq + 1, answer + 1, false);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int count = argc == 2 ? atoi(argv[1]) : 0, warm_up = 200;
	int tun = open_tun(), listener = socket(AF_INET, SOCK_STREAM, 0);
	struct timespec begin, end;

	if (count < 1 || count > 50000)
		errx(2, "usage: accept CONNECTIONS (1 to 50,000)");
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 16))
		err(1, "listening");
	for (int i = 0; i < warm_up; i++)
		serve_one(tun, listener, 1024 + i);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (int i = 0; i < count; i++)
		serve_one(tun, listener, 1024 + warm_up + i);
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%lld\n", ((end.tv_sec - begin.tv_sec) * 1000000000LL + end.tv_nsec - begin.tv_nsec) / count);
	return 0;
}
