package deps

import (
	_ "github.com/alecthomas/kong"
	_ "github.com/coder/websocket"
	_ "github.com/gobwas/httphead"
	_ "github.com/gobwas/ws"
	_ "github.com/goccy/go-yaml"
	_ "github.com/golang-jwt/jwt/v5"
	_ "github.com/gorilla/websocket"
	_ "github.com/panjf2000/gnet/v2/pkg/netpoll"
	_ "github.com/panjf2000/gnet/v2/pkg/socket"
	_ "github.com/prometheus/client_golang/prometheus"
	_ "github.com/prometheus/client_golang/prometheus/collectors"
	_ "github.com/prometheus/client_golang/prometheus/promhttp"
	_ "github.com/prometheus/common/expfmt"
	_ "github.com/valyala/bytebufferpool"
	_ "golang.org/x/sys/unix"
	_ "pgregory.net/rapid"
)
