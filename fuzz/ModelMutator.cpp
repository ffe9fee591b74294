//===- ModelMutator.cpp - changes models but keeps them models ------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelMutator.h"
#include <google/protobuf/message.h>
#include <limits>
#include <onnx/onnx_pb.h>
#include <random>
#include <string>
#include <vector>

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

namespace {
class Mutator {
public:
  explicit Mutator(unsigned seed) : random(seed) {}

  void change(Message &model) {
    collect(model);
    for (size_t i = 0, count = 1 + below(4); i < count; ++i) {
      changeOne(*messages[below(messages.size())]);
      collect(model); // what was removed is gone
    }
  }

  /// Copies a part of `other` over, or behind, a part of `model` of the same
  /// kind.
  bool insert(Message &model, Message &other) {
    collect(other);
    std::vector<Message *> parts = messages;
    collect(model);
    for (unsigned attempt = 0; attempt < 8; ++attempt) {
      const Message &part = *parts[below(parts.size())];
      Message &target = *messages[below(messages.size())];
      const Reflection *reflection = target.GetReflection();
      if (&part != parts.front() &&
          target.GetDescriptor() == part.GetDescriptor()) {
        target.CopyFrom(part);
        return true;
      }
      for (const FieldDescriptor *field : fieldsOf(target)) {
        if (field->message_type() != part.GetDescriptor() ||
            !field->is_repeated())
          continue;
        reflection->AddMessage(&target, field)->CopyFrom(part);
        return true;
      }
    }
    return false;
  }

private:
  std::minstd_rand random;
  std::vector<Message *> messages;  // of the model, itself first
  std::vector<std::string> strings; // that occur in it

  size_t below(size_t bound) { return bound ? random() % bound : 0; }

  static std::vector<const FieldDescriptor *> fieldsOf(const Message &message) {
    std::vector<const FieldDescriptor *> fields;
    for (int i = 0; i < message.GetDescriptor()->field_count(); ++i)
      fields.push_back(message.GetDescriptor()->field(i));
    return fields;
  }

  void collect(Message &model) {
    messages.assign(1, &model);
    strings.clear();
    for (size_t next = 0; next < messages.size() && messages.size() < 4096;
         ++next) {
      Message &message = *messages[next];
      const Reflection *reflection = message.GetReflection();
      std::vector<const FieldDescriptor *> fields;
      reflection->ListFields(message, &fields);
      for (const FieldDescriptor *field : fields) {
        int count =
            field->is_repeated() ? reflection->FieldSize(message, field) : 1;
        for (int i = 0; i < count; ++i) {
          if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE)
            messages.push_back(
                field->is_repeated()
                    ? reflection->MutableRepeatedMessage(&message, field, i)
                    : reflection->MutableMessage(&message, field));
          else if (field->type() == FieldDescriptor::TYPE_STRING)
            strings.push_back(
                field->is_repeated()
                    ? reflection->GetRepeatedString(message, field, i)
                    : reflection->GetString(message, field));
        }
      }
    }
  }

  void changeOne(Message &message) {
    const Reflection *reflection = message.GetReflection();
    std::vector<const FieldDescriptor *> fields;
    reflection->ListFields(message, &fields);
    if (fields.empty() || below(8) == 0)
      fields = fieldsOf(message);
    if (fields.empty())
      return;
    const FieldDescriptor *field = fields[below(fields.size())];
    if (!field->is_repeated())
      return below(8) ? setValue(message, field, -1)
                      : reflection->ClearField(&message, field);
    int count = reflection->FieldSize(message, field);
    switch (below(count ? 6 : 1)) {
    case 0:
      return add(message, field, /*copy=*/-1);
    case 1:
      return add(message, field, int(below(count)));
    case 2:
      reflection->SwapElements(&message, field, int(below(count)), count - 1);
      return reflection->RemoveLast(&message, field);
    case 3:
      return reflection->SwapElements(&message, field, int(below(count)),
                                      int(below(count)));
    default:
      return setValue(message, field, int(below(count)));
    }
  }

  /// Adds an element: a copy of element `copy`, or a new one.
  void add(Message &message, const FieldDescriptor *field, int copy) {
    const Reflection *reflection = message.GetReflection();
    switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      Message *added = reflection->AddMessage(&message, field);
      if (copy >= 0)
        added->CopyFrom(reflection->GetRepeatedMessage(message, field, copy));
      return;
    }
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection->AddString(&message, field, someString(""));
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection->AddInt32(&message, field, int32_t(someInteger(0)));
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection->AddInt64(&message, field, someInteger(0));
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection->AddUInt64(&message, field, uint64_t(someInteger(0)));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return reflection->AddFloat(&message, field, float(someReal()));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection->AddDouble(&message, field, someReal());
    default:
      return;
    }
  }

  /// Sets element `index` of a repeated field, or the field.
  void setValue(Message &message, const FieldDescriptor *field, int index) {
    const Reflection *reflection = message.GetReflection();
    bool one = index < 0;
    switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      // The parts of a message are chosen by themselves.
      return changeOne(
          one ? *reflection->MutableMessage(&message, field)
              : *reflection->MutableRepeatedMessage(&message, field, index));
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string old =
          one ? reflection->GetString(message, field)
              : reflection->GetRepeatedString(message, field, index);
      std::string value = field->type() == FieldDescriptor::TYPE_BYTES
                              ? changedBytes(old)
                              : someString(old);
      return one ? reflection->SetString(&message, field, value)
                 : reflection->SetRepeatedString(&message, field, index, value);
    }
    case FieldDescriptor::CPPTYPE_INT32: {
      auto value = int32_t(someInteger(
          one ? reflection->GetInt32(message, field)
              : reflection->GetRepeatedInt32(message, field, index)));
      return one ? reflection->SetInt32(&message, field, value)
                 : reflection->SetRepeatedInt32(&message, field, index, value);
    }
    case FieldDescriptor::CPPTYPE_INT64: {
      int64_t value = someInteger(
          one ? reflection->GetInt64(message, field)
              : reflection->GetRepeatedInt64(message, field, index));
      return one ? reflection->SetInt64(&message, field, value)
                 : reflection->SetRepeatedInt64(&message, field, index, value);
    }
    case FieldDescriptor::CPPTYPE_UINT64:
      if (!one)
        reflection->SetRepeatedUInt64(&message, field, index,
                                      uint64_t(someInteger(0)));
      return;
    case FieldDescriptor::CPPTYPE_FLOAT:
      return one ? reflection->SetFloat(&message, field, float(someReal()))
                 : reflection->SetRepeatedFloat(&message, field, index,
                                                float(someReal()));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      if (!one)
        reflection->SetRepeatedDouble(&message, field, index, someReal());
      return;
    case FieldDescriptor::CPPTYPE_ENUM:
      if (one)
        reflection->SetEnumValue(
            &message, field, int(below(field->enum_type()->value_count() + 1)));
      return;
    default:
      return;
    }
  }

  int64_t someInteger(int64_t old) {
    static constexpr int64_t hard[] = {0,
                                       1,
                                       2,
                                       3,
                                       4,
                                       7,
                                       8,
                                       16,
                                       17,
                                       127,
                                       128,
                                       255,
                                       256,
                                       1000,
                                       65536,
                                       -1,
                                       -2,
                                       -3,
                                       -128,
                                       std::numeric_limits<int32_t>::max(),
                                       std::numeric_limits<int32_t>::min(),
                                       int64_t(1) << 32,
                                       int64_t(1) << 40,
                                       std::numeric_limits<int64_t>::max(),
                                       std::numeric_limits<int64_t>::min()};
    switch (below(4)) {
    case 0:
      return int64_t(uint64_t(old) + 1);
    case 1:
      return int64_t(uint64_t(old) - 1);
    default:
      return hard[below(std::size(hard))];
    }
  }

  double someReal() {
    static const double hard[] = {0.0,
                                  -0.0,
                                  1.0,
                                  -1.0,
                                  0.5,
                                  1e-45,
                                  1e38,
                                  -1e38,
                                  std::numeric_limits<double>::infinity(),
                                  std::numeric_limits<double>::quiet_NaN(),
                                  3.0,
                                  -2.5};
    return hard[below(std::size(hard))];
  }

  std::string someString(const std::string &old) {
    // Names matter where they are equal to others.
    if (!strings.empty() && below(8))
      return strings[below(strings.size())];
    return below(2) ? "" : changedBytes(old);
  }

  std::string changedBytes(std::string bytes) {
    if (bytes.empty() || below(4) == 0)
      bytes.resize(below(17), char(below(256)));
    else if (below(4) == 0)
      bytes.resize(below(bytes.size()));
    else
      bytes[below(bytes.size())] = char(below(256));
    return bytes;
  }
};

size_t serialize(const onnx::ModelProto &model, uint8_t *data, size_t maxSize) {
  size_t size = model.ByteSizeLong();
  return size <= maxSize && model.SerializeToArray(data, int(size)) ? size : 0;
}
} // namespace

size_t mpc::fuzz::mutateModel(uint8_t *data, size_t size, size_t maxSize,
                              unsigned seed) {
  onnx::ModelProto model;
  if (!model.ParseFromArray(data, int(size)))
    return 0;
  Mutator(seed).change(model);
  return serialize(model, data, maxSize);
}

size_t mpc::fuzz::crossModels(const uint8_t *data, size_t size,
                              const uint8_t *other, size_t otherSize,
                              uint8_t *out, size_t maxSize, unsigned seed) {
  onnx::ModelProto first, second;
  if (!first.ParseFromArray(data, int(size)) ||
      !second.ParseFromArray(other, int(otherSize)) ||
      !Mutator(seed).insert(first, second))
    return 0;
  return serialize(first, out, maxSize);
}
