package auth

import (
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/MicahParks/jwkset"
)

// What a JWK Set may be.
const (
	maxSet      = 1 << 20 // bytes
	maxSetKeys  = 64      // keys that are kept of it
	maxSetCoord = 2048    // bytes of one number of a key: an RSA key of 8,192 bits takes 1,366
)

// parseSet reads a JWK Set (RFC 7517). A key that cannot be used is left out, and why
// the first one was is told by skipped: other services may need it, and no key that is
// good should be lost by it. Keys with the same kid are all kept.
func parseSet(body []byte, allow algorithms, anyAlgorithm bool) (keys []key, skipped error, err error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil || set.Keys == nil {
		return nil, nil, errors.New(`the answer is no JWK Set: {"keys":[…]} would be right`)
	}
	for i, raw := range set.Keys {
		if len(keys) == maxSetKeys {
			skipped = fmt.Errorf("it holds %d keys: the first %d that can be used are", len(set.Keys), maxSetKeys)
			break
		}
		k, err := parseKey(raw, allow, anyAlgorithm)
		if err != nil {
			if skipped == nil {
				skipped = fmt.Errorf("key %d is not used: %w", i+1, err)
			}
			continue
		}
		keys = append(keys, k)
	}
	return keys, skipped, nil
}

// parseKey reads one key. Only its numbers go to jwkset: its certificates and x5u,
// which a library may fetch, mean nothing here, and where use or key_ops is a word that
// jwkset does not know the key is not for us anyway (jwkset v0.11.4, jwk.go, Validate).
func parseKey(raw []byte, allow algorithms, anyAlgorithm bool) (key, error) {
	var m jwkset.JWKMarshal
	if json.Unmarshal(raw, &m) != nil {
		return key{}, errors.New("it is no JWK")
	}
	switch {
	case m.KTY == jwkset.KtyOct:
		return key{}, errors.New("it is a secret, which everybody can read there")
	case m.D != "" || m.K != "" || m.P != "" || m.Q != "" || m.DP != "" || m.DQ != "" || m.QI != "" || len(m.OTH) > 0:
		return key{}, errors.New("it is a private key, which everybody can read there")
	case m.USE != "" && m.USE != jwkset.UseSig:
		return key{}, errors.New("it is not for signatures (use)")
	case len(m.KEYOPS) > 0 && !slices.Contains(m.KEYOPS, jwkset.KeyOpsVerify):
		return key{}, errors.New("it is not to verify with (key_ops)")
	case !validKid(m.KID):
		return key{}, fmt.Errorf("its kid cannot be a name: at most %d bytes without control characters would be right", maxKid)
	case max(len(m.N), len(m.E), len(m.X), len(m.Y)) > maxSetCoord:
		return key{}, errors.New("it is too large")
	}
	public, err := jwkset.NewJWKFromMarshal(jwkset.JWKMarshal{KTY: m.KTY, CRV: m.CRV, X: m.X, Y: m.Y, N: m.N, E: m.E, ALG: algOf(m)},
		jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return key{}, errors.New("it is of a type that is not known, or malformed")
	}
	fits, err := fitting(public.Key())
	if err != nil {
		return key{}, fmt.Errorf("it is %w", err)
	}
	if m.ALG != "" {
		a := known[string(m.ALG)]
		if a == nil || fits&a.bit == 0 {
			return key{}, errors.New("its alg does not fit its type")
		}
		if fits = a.bit; anyAlgorithm {
			allow = fits // the key server says which
		}
	}
	if fits &= allow; fits == 0 {
		return key{}, errors.New("its algorithm is not allowed")
	}
	return key{id: m.KID, fits: fits, public: public.Key()}, nil
}

// algOf is the alg without which jwkset does not take an Ed25519 key.
func algOf(m jwkset.JWKMarshal) jwkset.ALG {
	if m.CRV == jwkset.CrvEd25519 {
		return jwkset.AlgEdDSA
	}
	return ""
}

// sameKeys says whether two sets are of the same keys, in the same order.
func sameKeys(a, b []key) bool {
	return slices.EqualFunc(a, b, func(x, y key) bool {
		p, ok := x.public.(interface{ Equal(crypto.PublicKey) bool })
		return x.id == y.id && x.fits == y.fits && ok && p.Equal(y.public)
	})
}
