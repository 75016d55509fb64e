// moov-io/iso8583 on the sample, by the line protocol that protocol.py describes.
//
// Every element is a String or Binary field. Packed Track 2 needs an encoder of the peer's own: the module's packed
// digits have no separator.
package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/moov-io/iso8583"
	"github.com/moov-io/iso8583/encoding"
	"github.com/moov-io/iso8583/field"
	"github.com/moov-io/iso8583/prefix"
)

const (
	warmUp    = 500 * time.Millisecond
	batchTime = 10 * time.Millisecond
)

type sample struct {
	mti    string
	values map[int][]byte
	binary map[int]bool
	order  []int
	wires  map[string][]byte
}

// packedTrack writes Track 2 two characters a byte, the separator as D; the length counts characters.
type packedTrack struct{}

func (packedTrack) Encode(track []byte) ([]byte, error) {
	digits := bytes.ReplaceAll(track, []byte("="), []byte("D"))
	if len(digits)%2 == 1 {
		digits = append(digits, '0')
	}
	packed := make([]byte, len(digits)/2)
	_, err := hex.Decode(packed, digits)
	return packed, err
}

func (packedTrack) Decode(packed []byte, length int) ([]byte, int, error) {
	size := (length + 1) / 2
	if size > len(packed) {
		return nil, 0, fmt.Errorf("need %d bytes, have %d", size, len(packed))
	}
	digits := make([]byte, 2*size)
	hex.Encode(digits, packed[:size])
	for i, digit := range digits {
		if digit == 'd' {
			digits[i] = '='
		}
	}
	return digits[:length], size, nil
}

func specification(wire string, s *sample) *iso8583.MessageSpec {
	numbers, lengths := encoding.Encoder(encoding.ASCII), prefix.ASCII
	track := encoding.Encoder(encoding.ASCII)
	fixed := prefix.ASCII.Fixed
	if wire == "bcd" {
		numbers, lengths, track, fixed = encoding.BCD, prefix.BCD, packedTrack{}, prefix.BCD.Fixed
	}
	text := func(length int) field.Field {
		return field.NewString(&field.Spec{Length: length, Enc: encoding.ASCII, Pref: prefix.ASCII.Fixed})
	}
	fields := map[int]field.Field{
		0:  field.NewString(&field.Spec{Length: 4, Enc: numbers, Pref: fixed}),
		1:  field.NewBitmap(&field.Spec{Length: 8, Enc: encoding.Binary, Pref: prefix.Binary.Fixed}),
		2:  field.NewString(&field.Spec{Length: 19, Enc: numbers, Pref: lengths.LL}),
		35: field.NewString(&field.Spec{Length: 37, Enc: track, Pref: lengths.LL}),
		37: text(12), 41: text(8), 42: text(15), 49: text(3),
		52: field.NewBinary(&field.Spec{Length: 8, Enc: encoding.Binary, Pref: prefix.Binary.Fixed}),
		55: field.NewBinary(&field.Spec{Length: 999, Enc: encoding.Binary, Pref: lengths.LLL}),
		64: field.NewBinary(&field.Spec{Length: 8, Enc: encoding.Binary, Pref: prefix.Binary.Fixed}),
	}
	for _, number := range []int{3, 4, 7, 11, 12, 13, 14, 18, 22, 25} {
		fields[number] = field.NewString(&field.Spec{Length: len(s.values[number]), Enc: numbers, Pref: fixed})
	}
	return &iso8583.MessageSpec{Fields: fields}
}

func works(wire string, s *sample) map[string]func() ([]byte, error) {
	spec, packed := specification(wire, s), s.wires[wire]
	text := make(map[int]string)
	for number, value := range s.values {
		text[number] = string(value)
	}
	fill := func() (*iso8583.Message, error) {
		message := iso8583.NewMessage(spec)
		message.MTI(s.mti)
		for _, number := range s.order {
			var err error
			if s.binary[number] {
				err = message.BinaryField(number, s.values[number])
			} else {
				err = message.Field(number, text[number])
			}
			if err != nil {
				return nil, err
			}
		}
		return message, nil
	}
	ready, err := fill()
	if err != nil {
		panic(err)
	}
	return map[string]func() ([]byte, error){
		"decode": func() ([]byte, error) { return nil, iso8583.NewMessage(spec).Unpack(packed) },
		"encode": ready.Pack,
		"build": func() ([]byte, error) {
			message, err := fill()
			if err != nil {
				return nil, err
			}
			return message.Pack()
		},
	}
}

// fault says what is wrong with the outcome of a work, nothing when it is right.
func fault(wire, work string, call func() ([]byte, error), s *sample) string {
	packed, err := call()
	if err != nil {
		return "fails: " + err.Error()
	}
	if work != "decode" {
		if !bytes.Equal(packed, s.wires[wire]) {
			return "encodes other bytes"
		}
		return ""
	}
	message := iso8583.NewMessage(specification(wire, s))
	if err := message.Unpack(s.wires[wire]); err != nil {
		return "fails: " + err.Error()
	}
	if mti, _ := message.GetMTI(); mti != s.mti {
		return "decodes another type"
	}
	for number, value := range s.values {
		if found, _ := message.GetBytes(number); !bytes.Equal(found, value) {
			return fmt.Sprintf("decodes another value of element %d", number)
		}
	}
	return ""
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func measure(call func() ([]byte, error), least time.Duration) (time.Duration, int) {
	batch, messages := 1, 0
	var spent time.Duration
	for spent < least {
		begin := cpuTime()
		for i := 0; i < batch; i++ {
			if _, err := call(); err != nil {
				panic(err)
			}
		}
		took := cpuTime() - begin
		if took < batchTime {
			batch *= 2
			continue
		}
		spent += took
		messages += batch
	}
	return spent, messages
}

func receive(lines *bufio.Scanner) *sample {
	s := &sample{values: map[int][]byte{}, binary: map[int]bool{}, wires: map[string][]byte{}}
	for lines.Scan() && lines.Text() != "go" {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		key, value, _ := strings.Cut(rest, " ")
		switch word {
		case "mti":
			s.mti = rest
		case "wire":
			s.wires[key] = unhex(value)
		default:
			number, _ := strconv.Atoi(key)
			s.order = append(s.order, number)
			s.values[number] = []byte(value)
			if word == "bytes" {
				s.values[number], s.binary[number] = unhex(value), true
			}
		}
	}
	sort.Ints(s.order)
	return s
}

func unhex(digits string) []byte {
	found, err := hex.DecodeString(digits)
	if err != nil {
		panic(err)
	}
	return found
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	s := receive(lines)
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, module := range build.Deps {
			if module.Path == "github.com/moov-io/iso8583" {
				fmt.Printf("version\tmoov-io/iso8583\t%s\n", module.Version)
			}
		}
	}
	fmt.Printf("version\tGo\t%s\n", strings.TrimPrefix(runtime.Version(), "go"))
	calls := map[string]func() ([]byte, error){}
	for wire := range s.wires {
		for work, call := range works(wire, s) {
			if reason := fault(wire, work, call, s); reason != "" {
				fmt.Printf("cannot\t%s\t%s\t%s\n", wire, work, reason)
				continue
			}
			measure(call, warmUp)
			calls[wire+work] = call
			fmt.Printf("proven\t%s\t%s\n", wire, work)
		}
	}
	fmt.Println("ready")
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		seconds, _ := strconv.ParseFloat(words[2], 64)
		spent, messages := measure(calls[words[0]+words[1]], time.Duration(seconds*float64(time.Second)))
		fmt.Printf("us\t%.4f\t%d\n", float64(spent.Nanoseconds())/1e3/float64(messages), messages)
	}
}
