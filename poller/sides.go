package poller

// Sides hold what few connections have besides their records, and those for a short
// time: a record keeps the number of its own, from 1, and 0 for none.
type Sides[T any] struct {
	all  []*T     // zero where unused
	free []uint32 // the numbers of the unused
}

// Take gives an unused one, and its number.
func (s *Sides[T]) Take() (uint32, *T) {
	if n := len(s.free); n > 0 {
		i := s.free[n-1]
		s.free = s.free[:n-1]
		return i, s.all[i-1]
	}
	s.all = append(s.all, new(T))
	return uint32(len(s.all)), s.all[len(s.all)-1]
}

// At gives the one of a number.
func (s *Sides[T]) At(i uint32) *T { return s.all[i-1] }

// Give makes the one of a number unused, and it what unused is.
func (s *Sides[T]) Give(i uint32, unused T) {
	*s.all[i-1] = unused
	s.free = append(s.free, i)
}
