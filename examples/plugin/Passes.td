//===- Passes.td - passes of the example plugin ------------*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

include "mlir/Pass/PassBase.td"

def ExampleCountOps : Pass<"example-count-ops"> {
  let summary = "Remark how many ops each group computes, and in which precision";
  let description = [{
    Emits one remark per `mpc.group`, and changes nothing.

    ```
    mpc.group "conv1" ... { mpc.conv, mpc.relu, mpc.yield }
    // remark: group 'conv1' computes 2 ops in f32
    ```
  }];
  let options = [
    Option<"minimum", "minimum", "unsigned", "1",
           "Pass over groups of fewer ops">
  ];
}
