package proxyproto

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// MaxTrusted is how many addresses and networks Trusted may list: the largest
// delivery networks publish some hundreds.
const MaxTrusted = 4096

// Trusted are the proxies whose word on who their client is counts. The zero value
// trusts nobody.
type Trusted struct {
	networks []netip.Prefix // apart from each other, ascending; IPv4 in its own form
}

// NewTrusted takes addresses (10.0.0.1) and networks (10.0.0.0/8, fd00::/8); ::/0 is
// all of IPv6 and nothing of IPv4. An error names each bad item. The slice is not
// kept.
func NewTrusted(items []string) (Trusted, error) {
	if len(items) > MaxTrusted {
		return Trusted{}, fmt.Errorf("%d proxies are trusted: at most %d would be right", len(items), MaxTrusted)
	}
	var errs []error
	networks := make([]netip.Prefix, 0, len(items))
	for _, item := range items {
		p, err := parseNetwork(item)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		networks = append(networks, p)
	}
	if len(errs) > 0 {
		return Trusted{}, errors.Join(errs...)
	}
	return Trusted{networks: apart(networks)}, nil
}

func parseNetwork(item string) (netip.Prefix, error) {
	bad := func(right string) (netip.Prefix, error) {
		return netip.Prefix{}, fmt.Errorf("%q is no network: %s would be right", item, right)
	}
	var p netip.Prefix
	if strings.IndexByte(item, '/') < 0 {
		a, err := netip.ParseAddr(item)
		if err != nil || a.Zone() != "" {
			return bad("an address such as 10.0.0.1, or a network such as 10.0.0.0/8 or fd00::/8,")
		}
		p = netip.PrefixFrom(a, a.BitLen())
	} else {
		var err error
		if p, err = netip.ParsePrefix(item); err != nil {
			return bad("a network such as 10.0.0.0/8 or fd00::/8")
		}
	}
	// Addresses are compared in their own form, so this must be in it too.
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return bad("IPv4 in its own form, such as 10.0.0.0/8,")
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	// What is meant may be the address or the network: trust is not guessed at.
	if p != p.Masked() {
		return bad(p.Masked().String() + " or " + p.Addr().String())
	}
	return p, nil
}

// apart sorts networks and drops those that are within another.
func apart(networks []netip.Prefix) []netip.Prefix {
	slices.SortFunc(networks, func(a, b netip.Prefix) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
	kept := networks[:0]
	for _, p := range networks {
		if len(kept) == 0 || !kept[len(kept)-1].Overlaps(p) {
			kept = append(kept, p)
		}
	}
	return kept
}

// Has says whether an address is trusted. An IPv6 zone is not looked at.
func (t Trusted) Has(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	// The only network that can have it is the last that begins at or before it.
	low, high := 0, len(t.networks)
	for low < high {
		mid := int(uint(low+high) / 2)
		if t.networks[mid].Addr().Compare(a) <= 0 {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low > 0 && t.networks[low-1].Contains(a)
}
