package history

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
)

// A segment is one writer's file, history/<writer>.seg, written once from front to back:
//
//	preamble   magic "PSTH", format version (1 byte), length of the writer's name (1 byte), the name, SHA-256 of the run's
//	           header.json (32), CRC-32C of all that
//	chunk      length of the payload (4 bytes), CRC-32C of everything else in the chunk (4), record count (4),
//	           kind (1), partition (1), two zero bytes, payload
//	…
//
// Format version 1 has no SHA-256; it is still read. All numbers are little-endian. Records go into the chunk of their partition (see partitionOf), so that a later reader
// can take one partition at a time; today's reads them all, and its memory follows the run. A flush writes the chunks of
// all partitions and then a flush chunk, which makes them count: the reader drops what no flush chunk follows, so that a
// file that was cut anywhere yields all records up to some sequence number and none after it. The flush chunk's payload
// is the time of the flush; a quiet writer flushes too, and so says up to when nothing happened. The end chunk is a
// flush chunk after which the writer wrote nothing on purpose.
//
// The payload of a record chunk is a row of records (see coder): kind (1 byte), sequence and time as differences to the
// record before, a bitmask of the fields that are not empty, those fields. Numbers are zigzag varints. A string is its
// index in the chunk's table of strings met so far, or its text. A reading is one string of JSON.
const (
	magic         = "PSTH"
	formatVersion = 2
	formatUnbound = 1 // the version before, whose segments do not say of which run they are
	segmentSuffix = ".seg"
	segmentDir    = "history"

	chunkHeader  = 16
	chunkLargest = 1 << 30 // a length beyond this is damage; a reading of a very large shop stays far below it

	orderPartitions = 16 // 1 to 16; 0 is for what concerns the run as a whole
	opPartition     = 17 // operations have one of their own: a reader makes room for them before it reads them
	partitions      = 18
)

// Kinds of chunk.
const (
	chunkRecords byte = iota + 1
	chunkFlush
	chunkEnd
)

func castagnoli(parts ...[]byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := uint32(0)
	for _, part := range parts {
		sum = crc32.Update(sum, table, part)
	}
	return sum
}

// newPreamble begins a segment of the run whose header has the digest.
func newPreamble(writer string, header [sha256.Size]byte) []byte {
	begin := append([]byte(magic), formatVersion, byte(len(writer)))
	begin = append(begin, writer...)
	begin = append(begin, header[:]...)
	return binary.LittleEndian.AppendUint32(begin, castagnoli(begin))
}

// appendChunk frames a payload.
func appendChunk(buffer []byte, kind, partition byte, count int, payload []byte) []byte {
	var head [chunkHeader]byte
	binary.LittleEndian.PutUint32(head[0:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(head[8:], uint32(count))
	head[12], head[13] = kind, partition
	binary.LittleEndian.PutUint32(head[4:], castagnoli(head[0:4], head[8:], payload))
	return append(append(buffer, head[:]...), payload...)
}

// partitionOf spreads records by order number, or by client reference where there is no order.
func partitionOf(order, ref string) byte {
	key := order
	if key == "" {
		key = ref
	}
	if key == "" {
		return 0
	}
	hash := uint32(2166136261) // FNV-1a, written out because hash/fnv costs an allocation per record
	for i := range len(key) {
		hash = (hash ^ uint32(key[i])) * 16777619
	}
	return byte(1 + hash%orderPartitions)
}
