//===- ImageFile.h - pictures as samples ------------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// JPEG and PNG files as tensors of u8, in the size that a model reads. Formats:
// ITU-T T.81 (by libjpeg), ISO/IEC 15948 (by libpng).
//
//===----------------------------------------------------------------------===//

#ifndef MPC_SUPPORT_IMAGEFILE_H
#define MPC_SUPPORT_IMAGEFILE_H

#include "mpc/Support/TensorFile.h"

namespace mpc {

/// Pixels of u8, rows first, channels innermost.
struct Image {
  int64_t height = 0, width = 0, channels = 0;
  std::vector<uint8_t> pixels;
};

/// Whether a file's ending is .jpg, .jpeg or .png, in any case.
bool isImageName(const std::string &path);

/// Whether the path is such a file, or a folder with one.
bool holdsImages(const std::string &path);

/// Decodes a file to `channels` 3 (RGB) or 1 (grey: 0.299 R + 0.587 G +
/// 0.114 B). Transparency is dropped, orientation in metadata is not applied.
bool readImage(const std::string &path, int64_t channels, Image &image,
               std::string &error);

/// The picture resized so that it covers height x width and keeps its
/// proportions, and the middle of it. Bilinear, antialiased where the picture
/// shrinks, positions half-pixel; columns first, and each step rounded to
/// integers.
Image coverImage(const Image &image, int64_t height, int64_t width);

/// The file, or the folder's files in natural order of their names, as one
/// tensor of shape [files, ...] for an input of this type and shape; files are
/// decoded when they are read. Fails where the input does not read pictures:
/// u8 of [batch, height, width, channels] or [batch, channels, height, width]
/// with 3 or 1 channels and a batch that is symbolic or 1.
bool openImages(const std::string &path, ElementType type, const Shape &shape,
                TensorReaders &readers, std::string &error);

} // namespace mpc

#endif // MPC_SUPPORT_IMAGEFILE_H
