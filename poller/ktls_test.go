package poller

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// This measures why records of TLS are sealed and opened here and not by the kernel: how
// much of its memory a connection takes by kernel TLS, both ways, with AES-128-GCM. A
// Session beside it is 120 bytes. It takes the module tls (modprobe tls).
func BenchmarkKernelTLS_Memory(b *testing.B) {
	const conns = 2000
	for b.Loop() {
		near := connected(b, conns)
		before := unreclaimable(b)
		for _, fd := range near {
			if err := kernelTLS(fd); err != nil {
				b.Skipf("no kernel TLS: %v", err)
			}
		}
		b.ReportMetric(float64(unreclaimable(b)-before)/conns, "slab-B/conn")
	}
}

// connected makes connections by TCP, and gives one end of each.
func connected(b *testing.B, n int) (near []int) {
	l, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = unix.Close(l) })
	at := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if err := unix.Bind(l, at); err != nil {
		b.Fatal(err)
	}
	if err := unix.Listen(l, 64); err != nil {
		b.Fatal(err)
	}
	at.Port = int(ownAddress(Slot(l)).Port())
	for range n {
		c, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = unix.Close(c) })
		if err := unix.Connect(c, at); err != nil {
			b.Fatal(err)
		}
		far, _, err := unix.Accept(l)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = unix.Close(far) })
		near = append(near, c)
	}
	return near
}

// kernelTLS has the kernel seal and open what goes over fd.
func kernelTLS(fd int) error {
	if err := unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_ULP, "tls"); err != nil {
		return err
	}
	// struct tls12_crypto_info_aes_gcm_128 of linux/tls.h: version, cipher, and then
	// iv, key, salt and number, which may be anything here.
	var info [4 + 8 + 16 + 4 + 8]byte
	*(*uint16)(unsafe.Pointer(&info[0])) = 0x0304
	*(*uint16)(unsafe.Pointer(&info[2])) = 51
	const level, seal, open = 282, 1, 2 // SOL_TLS, TLS_TX, TLS_RX
	if err := unix.SetsockoptString(fd, level, seal, string(info[:])); err != nil {
		return err
	}
	return unix.SetsockoptString(fd, level, open, string(info[:]))
}

// unreclaimable is what the kernel's own objects take, in bytes.
func unreclaimable(b *testing.B) int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if word := strings.Fields(lines.Text()); len(word) > 1 && word[0] == "SUnreclaim:" {
			kb, err := strconv.ParseInt(word[1], 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			return kb << 10
		}
	}
	b.Fatal("the kernel does not tell what its objects take")
	return 0
}
