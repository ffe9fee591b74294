//===- ByteSource.h - Random access to bytes --------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the parts of TensorFile share: bytes of a file or in memory, the formats
// that are read from them, and .zip archives.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_SUPPORT_BYTESOURCE_H
#define MPC_LIB_SUPPORT_BYTESOURCE_H

#include "mpc/Support/TensorFile.h"

namespace mpc {

class ByteSource {
public:
  virtual ~ByteSource() = default;
  int64_t size() const { return numBytes; }
  /// Reads bytes that lie within the source.
  virtual bool read(int64_t offset, int64_t count, char *out,
                    std::string &error) const = 0;

protected:
  int64_t numBytes = 0;
};

/// A regular file. Null, with an error that starts with the path, if it cannot
/// be opened.
std::shared_ptr<ByteSource> openFile(const std::string &path,
                                     std::string &error);

/// Bytes in memory.
std::shared_ptr<ByteSource> makeMemorySource(std::vector<char> bytes);

/// Reads the .npy file in [offset, offset + size) of the source and appends its
/// reader. `origin` is what errors start with.
bool readNpy(std::shared_ptr<ByteSource> source, int64_t offset, int64_t size,
             const std::string &path, const std::string &name,
             const std::string &origin, TensorReaders &readers,
             std::string &error);

/// Reads the members of an .npz archive that are .npy files.
bool readNpz(std::shared_ptr<ByteSource> source, const std::string &path,
             TensorReaders &readers, std::string &error);

/// Reads a serialized onnx.TensorProto.
bool readTensorProto(std::shared_ptr<ByteSource> source,
                     const std::string &path, TensorReaders &readers,
                     std::string &error);

} // namespace mpc

#endif // MPC_LIB_SUPPORT_BYTESOURCE_H
