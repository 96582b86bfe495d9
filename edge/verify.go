package edge

import (
	"context"
	"sync"
	"time"

	"github.com/roostws/roost/auth"
	"github.com/roostws/roost/poller"
	"github.com/roostws/roost/protocol"
)

// A verdict is what came of verifying a token.
type verdict struct {
	identity auth.Identity
	err      error
}

// verifiers verify tokens off the loops, where that takes long or may wait: a
// bounded number of goroutines with a bounded queue. The handshakes are parked
// meanwhile.
type verifiers struct {
	srv   *Server
	tasks chan task
	wg    sync.WaitGroup
	ctx   context.Context
	end   context.CancelFunc
}

type task struct {
	id    ConnID
	token string
}

// tasksPerVerifier is how many handshakes may wait for each goroutine.
const tasksPerVerifier = 64

func newVerifiers(s *Server) *verifiers {
	v := &verifiers{srv: s, tasks: make(chan task, s.cfg.Verifiers*tasksPerVerifier)}
	v.ctx, v.end = context.WithCancel(context.Background())
	return v
}

func (v *verifiers) start() {
	if v.srv.cfg.Auth == nil || v.srv.cfg.Auth.Inline() {
		return
	}
	for range v.srv.cfg.Verifiers {
		v.wg.Go(v.work)
	}
}

func (v *verifiers) stop() {
	v.end()
	v.wg.Wait()
}

func (v *verifiers) work() {
	for {
		select {
		case <-v.ctx.Done():
			return
		case t := <-v.tasks:
			// An error: the connection is gone, and so is the question.
			_ = v.srv.group.Post(t.id, poller.Post{Op: opVerdict, Arg: v.verify(t)})
		}
	}
}

func (v *verifiers) verify(t task) (out *verdict) {
	out = new(verdict)
	defer func() {
		if p := recover(); p != nil {
			v.srv.cfg.Logger.Error("panic while verifying a token", "panic", p)
			out.err = auth.ErrToken
		}
	}()
	ctx, cancel := context.WithTimeout(v.ctx, v.srv.cfg.HandshakeTimeout)
	defer cancel()
	out.identity, out.err = v.srv.cfg.Auth.Verify(ctx, t.token, time.Now())
	return out
}

// park has the token of a handshake verified and keeps what came so far.
func (l *loop) park(s poller.Slot, ses *session, b []byte) {
	select {
	case l.srv.verifiers.tasks <- task{l.ID(s), l.asking.token}:
	default:
		l.refuse(s, rejectBusy, resultBusy)
		return
	}
	sd := l.hold(ses)
	if sd.head == nil {
		sd.head = append([]byte(nil), b...)
	}
	l.account(sd, len(sd.head))
	ses.kind = kindParked
}

// decided goes on with a parked handshake.
func (l *loop) decided(s poller.Slot, v *verdict) {
	ses := l.session(s)
	if ses.kind != kindParked {
		return
	}
	head := l.sides[ses.side-1].head
	end := protocol.HeaderEnd(head, 0)
	if !l.answer(s, ses, head, end, v) {
		return
	}
	l.letGo(ses)
	if rest := head[end:]; len(rest) > 0 {
		l.frames(s, ses, rest)
	}
}
