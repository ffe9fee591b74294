//===- PreprocessConfig.h - how pictures become inputs ----------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The file of --preprocess: for each input by its name, what is fed and the
// steps from there to what the model reads. docs/Preprocessing.md is its
// reference.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_SUPPORT_PREPROCESSCONFIG_H
#define MPC_SUPPORT_PREPROCESSCONFIG_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <array>
#include <optional>
#include <string>
#include <vector>

namespace mpc {

struct PreprocessConfig {
  using Size = std::array<int64_t, 2>; ///< height, width in pixels
  enum class Interpolation { Bilinear, Nearest };

  struct Input {
    std::string name;
    std::string type = "u8"; ///< of what is fed
    /// Of what is fed; empty: last.
    std::optional<bool> channelsLast;
    /// Of what the model reads; empty: told by its shape.
    std::optional<bool> modelChannelsLast;
    bool reversesChannels = false;
    std::optional<Size> size; ///< of what is fed
    std::optional<Size> resize;
    bool resizesShortSide =
        false; ///< resize[0] is that side, resize[1] nothing
    std::optional<Size> crop;
    Interpolation interpolation = Interpolation::Bilinear;
    bool antialias = true;
    std::optional<double> scale;
    /// One entry for all channels, or one per channel of the model; or empty.
    std::vector<double> mean, deviation;

    /// Height and width of what is fed, if any key says them.
    std::optional<Size> getFedSize() const;
    /// What `resize` makes of pictures of this size.
    Size getResized(Size fed) const;
  };
  std::vector<Input> inputs; ///< by name
  std::string canonical; ///< the same for equal contents, whatever the order of
                         ///< keys and the white space

  /// Errors start with the source's name and are one sentence.
  static llvm::Expected<PreprocessConfig> load(llvm::StringRef path);
  static llvm::Expected<PreprocessConfig> parse(llvm::StringRef text,
                                                llvm::StringRef source);
};

} // namespace mpc

#endif // MPC_SUPPORT_PREPROCESSCONFIG_H
