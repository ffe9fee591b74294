//===- TensorFile.h - Tensors in files --------------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reading and writing NumPy's .npy and .npz, ONNX's TensorProto (.pb) and raw
// bytes. Files are whatever a user has: every function that can fail says so
// with an error, a sentence that starts with the path. Nothing throws.
//
// Formats: numpy.lib.format (versions 1 to 3), PKWARE's APPNOTE for .zip
// (stored and deflated entries, Zip64), onnx.proto.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_SUPPORT_TENSORFILE_H
#define MPC_SUPPORT_TENSORFILE_H

#include "mpc/Support/Tensor.h"

#include <memory>

namespace mpc {

class ByteSource;

/// A tensor in a file, of which parts can be read: of plain .npy files and
/// uncompressed .npz members only what is asked for is ever in memory. Other
/// files are decoded into memory when they are opened.
class TensorReader {
public:
  TensorReader(ElementType type, Shape shape, std::string name,
               std::shared_ptr<ByteSource> source, int64_t offset,
               std::string path);

  ElementType type() const { return elementType; }
  const Shape &shape() const { return sizes; }
  /// The .npz member's or the TensorProto's name, "" in other files.
  const std::string &name() const { return tensorName; }
  const std::string &path() const { return filePath; }

  /// Reads `count` elements from the index `first` on. The range lies within
  /// the tensor.
  bool read(int64_t first, int64_t count, char *out, std::string &error) const;

  /// Reads all of it.
  bool readAll(Tensor &tensor, std::string &error) const;

private:
  ElementType elementType;
  Shape sizes;
  std::string tensorName;
  std::shared_ptr<ByteSource> source;
  int64_t offset;
  std::string filePath;
};

using TensorReaders = std::vector<TensorReader>;

/// Opens a file by its ending: one tensor from .npy and .pb, any number from
/// .npz.
bool openTensorFile(const std::string &path, TensorReaders &readers,
                    std::string &error);

/// Opens a file of raw bytes as a tensor of this type and shape.
bool openRawFile(const std::string &path, ElementType type, const Shape &shape,
                 TensorReaders &readers, std::string &error);

/// Parses "4x2xbf16" or, for a scalar, "bf16".
bool parseTypedShape(const std::string &text, ElementType &type, Shape &shape,
                     std::string &error);

/// Whether NumPy has the type, and so .npy can hold it.
bool hasNumpyType(ElementType type);

/// A file's contents in these formats. encodeNpy's type is one that NumPy has.
std::vector<char> encodeNpy(const Tensor &tensor);
std::vector<char> encodeTensorProto(const Tensor &tensor,
                                    const std::string &name);

/// Whether `path` names something that is written to and not replaced: a
/// device, such as /dev/null, or a pipe.
bool isSpecialFile(const std::string &path);

/// A file that comes into being as a whole or not at all: it is written beside
/// its place under another name and renamed by commit. What is special is
/// written to at once.
class PendingFile {
public:
  PendingFile() = default;
  PendingFile(PendingFile &&other) noexcept;
  PendingFile &operator=(PendingFile &&) = delete;
  ~PendingFile();

  bool write(const std::string &path, const char *data, size_t size,
             std::string &error);
  bool commit(std::string &error);

private:
  std::string path, temporary;
};

/// The meaning of an errno value, in lower case.
std::string describeErrno(int number);

} // namespace mpc

#endif // MPC_SUPPORT_TENSORFILE_H
