// Judges overridden messages by Go's protobuf: what an override made must mean what this runtime makes of the original when it
// sets the same fields itself.
//
// Usage: judge DESCRIPTOR_SET CASES. Prints one line per failure and exits 1 if there is any.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

type judged struct {
	Label    string
	Type     string
	Original []byte
	Changed  []byte
	Set      struct{ Name, Version, Label *string }
}

func main() {
	failed := 0
	files := load(os.Args[1])
	var cases []judged
	must(json.Unmarshal(read(os.Args[2]), &cases))
	for _, one := range cases {
		if problem := judge(files, one); problem != "" {
			fmt.Printf("%s: %s\n", one.Label, problem)
			failed++
		}
	}
	fmt.Printf("judged %d\n", len(cases))
	if failed > 0 {
		os.Exit(1)
	}
}

func judge(files *protoregistry.Files, one judged) string {
	found, err := files.FindDescriptorByName(protoreflect.FullName(one.Type))
	must(err)
	descriptor := found.(protoreflect.MessageDescriptor)
	expected, changed := dynamicpb.NewMessage(descriptor), dynamicpb.NewMessage(descriptor)
	if err := proto.Unmarshal(one.Original, expected); err != nil {
		return "the original does not parse: " + err.Error()
	}
	if err := proto.Unmarshal(one.Changed, changed); err != nil {
		return "what was made does not parse: " + err.Error()
	}
	set(expected, one)
	if !proto.Equal(expected, changed) {
		return fmt.Sprintf("expected %v, got %v", expected, changed)
	}
	return ""
}

func set(message *dynamicpb.Message, one judged) {
	fields := message.Descriptor().Fields()
	spec := fields.ByName("model_spec")
	if spec == nil {
		setText(message, fields.ByName("model_name"), one.Set.Name)
		setText(message, fields.ByName("model_version"), one.Set.Version)
		return
	}
	model := message.Mutable(spec).Message()
	fields = model.Descriptor().Fields()
	setText(model, fields.ByName("name"), one.Set.Name)
	setText(model, fields.ByName("version_label"), one.Set.Label)
	if one.Set.Version != nil {
		number, err := strconv.ParseInt(*one.Set.Version, 10, 64)
		must(err)
		wrapper := model.NewField(fields.ByName("version")).Message()
		wrapper.Set(wrapper.Descriptor().Fields().ByName("value"), protoreflect.ValueOfInt64(number))
		model.Set(fields.ByName("version"), protoreflect.ValueOfMessage(wrapper))
	}
}

func setText(message protoreflect.Message, field protoreflect.FieldDescriptor, value *string) {
	if value != nil {
		message.Set(field, protoreflect.ValueOfString(*value))
	}
}

func load(path string) *protoregistry.Files {
	var set descriptorpb.FileDescriptorSet
	must(proto.Unmarshal(read(path), &set))
	files, err := protodesc.NewFiles(&set)
	must(err)
	return files
}

func read(path string) []byte {
	bytes, err := os.ReadFile(path)
	must(err)
	return bytes
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
