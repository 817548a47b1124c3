// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package vectorsearch

import (
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"unicode"
)

// dimensions is the length of an embedding. 512 keeps collisions of features rare
// for texts of a few thousand words.
const dimensions = 512

// Vector is an embedding: of length 1, or all zero for a text without words.
type Vector [dimensions]float64

// grammar is longer words that say little about what an English text is about.
var grammar = []string{
	"about", "does", "each", "from", "have", "that", "their", "there", "these", "they", "this", "what", "when", "where", "which", "will", "with", "your",
}

// Embed computes the embedding of a text. Each word counts as itself, and with less
// weight as the groups of three letters in it, so that "refunds" is near "refund";
// short words, most of them grammar, count little. Features are hashed to a
// dimension and a sign. Case and punctuation make no difference.
func Embed(text string) Vector {
	counts := map[string]float64{}
	for _, word := range words(text) {
		r := []rune(word)
		weight := float64(min(len(r), 8)) / 8
		if len(r) <= 3 || slices.Contains(grammar, word) {
			weight /= 4
		}
		counts["w:"+word] += 2 * weight
		padded := append(append([]rune{'^'}, r...), '$')
		grams := len(padded) - 2
		for i := range grams {
			counts["g:"+string(padded[i:i+3])] += weight / math.Sqrt(float64(grams))
		}
	}
	var v Vector
	for feature, n := range counts {
		h := fnv.New64a()
		_, _ = h.Write([]byte(feature)) // never fails
		sum := mix(h.Sum64())
		value := math.Sqrt(n)
		if sum>>63 == 1 {
			value = -value
		}
		// Whole steps of 2^-20: sums of them do not depend on the order of the map.
		v[sum%dimensions] += math.Round(value*(1<<20)) / (1 << 20)
	}
	var norm float64
	for _, x := range v {
		norm += x * x
	}
	if norm == 0 {
		return v
	}
	norm = math.Sqrt(norm)
	for i := range v {
		v[i] /= norm
	}
	return v
}

// mix spreads what FNV leaves alike in the high bits of short texts.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	return h
}

func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) })
}

// Cosine is how alike two embeddings are: 1 for the same direction, about 0 for
// texts that have nothing in common.
func (v Vector) Cosine(w Vector) float64 {
	var sum float64
	for i := range v {
		sum += v[i] * w[i]
	}
	return sum
}

// score is 1 / (1 + d²) with d the Euclidean distance, as Databricks documents the
// score of a nearest-neighbour query. For vectors of length 1, d² is 2 - 2 cosine:
// scores lie between 0.2 and 1.
func score(v, w Vector) float64 { return 1 / (1 + max(0, 2-2*v.Cosine(w))) }
