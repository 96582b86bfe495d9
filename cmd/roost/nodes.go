package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// fileTexts gives the texts that a setting's value decodes, once the node is of
// the right type. The error never holds the value, which may be a secret.
func fileTexts(s *setting, node ast.Node) ([]string, error) {
	if seq, ok := node.(*ast.SequenceNode); ok && s.many {
		if len(seq.Values) == 0 {
			return nil, errors.New("the list is empty: an element, or no such key, would be right")
		}
		texts := make([]string, 0, len(seq.Values))
		for i, n := range seq.Values {
			text, ok := nodeText(n)
			switch {
			case !ok:
				return nil, fmt.Errorf("element %d is %s: a text would be right", i+1, nodeName(n))
			case strings.Contains(text, ","):
				return nil, fmt.Errorf("element %d holds a comma: an element of its own for each would be right", i+1)
			}
			texts = append(texts, text)
		}
		return texts, nil
	}
	text, isText := nodeText(node)
	_, isInt := node.(*ast.IntegerNode)
	_, isBool := node.(*ast.BoolNode)
	switch {
	case s.unit == "":
		if isBool {
			return []string{node.GetToken().Value}, nil
		}
		return nil, wrongType(node, "true or false")
	case s.unit == unitCount:
		if isInt {
			return []string{node.GetToken().Value}, nil
		}
		return nil, wrongType(node, "a whole number such as 1000")
	case s.unit == unitSize:
		if isInt {
			return []string{node.GetToken().Value}, nil
		}
		if isText {
			return []string{text}, nil
		}
		return nil, wrongType(node, "bytes such as 65536, 64KiB or 1MiB")
	case s.unit == unitSpan && isInt:
		return []string{node.GetToken().Value}, nil // decode tells that a unit is missing
	case s.unit == unitSpan && !isText:
		return nil, wrongType(node, "a duration such as 30s")
	case s.many && isText && strings.Contains(text, ","):
		return nil, errors.New("a comma stands in a text: a list such as [a, b] would be right")
	case s.many && !isText:
		return nil, wrongType(node, "a list of texts such as [a, b]")
	case isText:
		return []string{text}, nil
	case isInt, isBool:
		return nil, wrongType(node, "a text in quotes")
	}
	return nil, wrongType(node, "a text")
}

// start gives the token where a node begins; of a mapping, the parser tells the
// first colon.
func start(node ast.Node) *token.Token {
	if m, ok := node.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return m.Values[0].Key.GetToken()
	}
	return node.GetToken()
}

// wrongType says what was found and what would be right.
func wrongType(node ast.Node, right string) error {
	return fmt.Errorf("%s is not right here: %s would be", nodeName(node), right)
}

// nodeText gives the text of a string, in quotes or not, or of a block without
// the newline that ends it.
func nodeText(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return strings.TrimSuffix(n.Value.Value, "\n"), true
	}
	return "", false
}

// nodeName says in words what a node is.
func nodeName(node ast.Node) string {
	switch node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.NullNode:
		return "nothing"
	case *ast.StringNode, *ast.LiteralNode:
		return "a text"
	case *ast.AnchorNode:
		return "an anchor (&)"
	case *ast.AliasNode:
		return "an alias (*)"
	case *ast.TagNode:
		return "a tag (!)"
	case *ast.MergeKeyNode:
		return "a merge key (<<)"
	}
	return "something else"
}
