package poller

// A Slot names a connection on its own loop: it is its descriptor's number. It
// is valid during the callback that was given it, and until the end of the turn.
type Slot = uint32

// A ConnID names a connection: its loop, its slot, and the slot's generation.
// It is comparable and may be kept for ever; zero names none.
type ConnID uint64

// MaxSlots is the number of descriptors that a ConnID can tell apart.
const MaxSlots = 1 << 24

// maxLoops is the number of loops that a ConnID can tell apart.
const maxLoops = 64

func makeID(loop uint8, s Slot, gen uint32) ConnID {
	return ConnID(uint64(loop)<<56 | uint64(s)<<32 | uint64(gen))
}

func (id ConnID) loop() int   { return int(id >> 56) }
func (id ConnID) slot() Slot  { return Slot(id>>32) & (MaxSlots - 1) }
func (id ConnID) gen() uint32 { return uint32(id) }

// Loop is the index of the connection's loop.
func (id ConnID) Loop() int { return id.loop() }

// Slot is the connection's slot on its loop.
func (id ConnID) Slot() Slot { return id.slot() }
