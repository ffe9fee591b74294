// RUN: mpc-opt --mpc-assign-precision=precision=int8 %s | FileCheck %s
// RUN: echo '{"groups": [{"name": "wide", "precision": "int8"}]}' > %t.json
// RUN: mpc-opt --mpc-assign-precision="precision=int8 config=%t.json" %s | FileCheck %s --check-prefix=NAME

// Sums 150 wide that only a sigmoid reads, through a slice and an addition, leave less than 6 of 8 bits for the 16 that it tells apart.
// CHECK: mpc.group "wide" {{.*}}precision = #mpc.precision<f32>, {{.*}}reason = "int8 refused: its result is -50 to 100, and what reads it saturates beyond 8"
// What is moved to a product of integers that adds it is not stored in 8 bits, either.
// CHECK: mpc.group "part" {{.*}}precision = #mpc.precision<f32>, {{.*}}reason = "int8 refused: its result is -40 to 90, and what reads it saturates beyond 8"
// CHECK: mpc.group "gate" {{.*}}precision = #mpc.precision<int8>
// CHECK: mpc.group "small" {{.*}}precision = #mpc.precision<f32>, {{.*}}reason = "int8 refused: its result is -17 to 16, and what reads it saturates beyond 4"
// Up to four times as wide is int8's.
// CHECK: mpc.group "narrow" {{.*}}precision = #mpc.precision<int8>
// What is read by something else, too.
// CHECK: mpc.group "returned" {{.*}}precision = #mpc.precision<int8>
// A function that does not saturate.
// CHECK: mpc.group "rectified" {{.*}}precision = #mpc.precision<int8>
// A loop that reads the sums step by step.
// CHECK: mpc.group "sequence" {{.*}}precision = #mpc.precision<f32>, {{.*}}reason = "int8 refused: its result is -50 to 100, and what reads it saturates beyond 4"
// Who asks for a group by name gets it.
// NAME: mpc.group "wide" {{.*}}precision = #mpc.precision<int8>
func.func @main(%x: tensor<1x32xf32> {mpc.name = "x", mpc.range = #mpc.range<-1.0, 1.0>}, %h: tensor<1x16xf32> {mpc.name = "h", mpc.range = #mpc.range<-1.0, 1.0>},
                %s: tensor<4x1x32xf32> {mpc.name = "s", mpc.range = #mpc.range<-1.0, 1.0>})
    -> (tensor<1x16xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x32xf32>) {
  %large = mpc.constant dense<0.5> : tensor<32x32xf32> -> tensor<32x32xf32>
  %w = mpc.constant dense<0.5> : tensor<32x2xf32> -> tensor<32x2xf32>
  %wide = mpc.group "wide" ins(%a = %x, %k = %large : tensor<1x32xf32>, tensor<32x32xf32>) -> tensor<1x32xf32> attributes {mpc.seen = #mpc.range<-50.0, 100.0>, range = #mpc.range<-20.0, 20.0>} {
    %0 = mpc.matmul %a, %k : (tensor<1x32xf32>, tensor<32x32xf32>) -> tensor<1x32xf32>
    mpc.yield %0 : tensor<1x32xf32>
  }
  %part = mpc.group "part" ins(%a = %wide : tensor<1x32xf32>) -> tensor<1x16xf32> attributes {range = #mpc.range<-40.0, 90.0>} {
    %0 = mpc.slice %a {sizes = array<i64: 1, 16>, starts = array<i64: 0, 16>, steps = array<i64: 1, 1>} : (tensor<1x32xf32>) -> tensor<1x16xf32>
    mpc.yield %0 : tensor<1x16xf32>
  }
  %square = mpc.constant dense<0.5> : tensor<16x16xf32> -> tensor<16x16xf32>
  %gate = mpc.group "gate" ins(%a = %h, %k = %square, %b = %part : tensor<1x16xf32>, tensor<16x16xf32>, tensor<1x16xf32>) -> tensor<1x16xf32> attributes {range = #mpc.range<0.0, 1.0>} {
    %0 = mpc.matmul %a, %k : (tensor<1x16xf32>, tensor<16x16xf32>) -> tensor<1x16xf32>
    %1 = mpc.add %0, %b : (tensor<1x16xf32>, tensor<1x16xf32>) -> tensor<1x16xf32>
    %2 = mpc.sigmoid %1 : (tensor<1x16xf32>) -> tensor<1x16xf32>
    mpc.yield %2 : tensor<1x16xf32>
  }
  %small = mpc.group "small" ins(%a = %x, %k = %w : tensor<1x32xf32>, tensor<32x2xf32>) -> tensor<1x2xf32> attributes {range = #mpc.range<-17.0, 16.0>} {
    %0 = mpc.matmul %a, %k : (tensor<1x32xf32>, tensor<32x2xf32>) -> tensor<1x2xf32>
    mpc.yield %0 : tensor<1x2xf32>
  }
  %state = mpc.group "state" ins(%a = %small : tensor<1x2xf32>) -> tensor<1x2xf32> {
    %0 = mpc.tanh %a : (tensor<1x2xf32>) -> tensor<1x2xf32>
    mpc.yield %0 : tensor<1x2xf32>
  }
  %narrow = mpc.group "narrow" ins(%a = %x, %k = %w : tensor<1x32xf32>, tensor<32x2xf32>) -> tensor<1x2xf32> attributes {range = #mpc.range<-16.0, 16.0>} {
    %0 = mpc.matmul %a, %k : (tensor<1x32xf32>, tensor<32x2xf32>) -> tensor<1x2xf32>
    mpc.yield %0 : tensor<1x2xf32>
  }
  %within = mpc.group "within" ins(%a = %narrow : tensor<1x2xf32>) -> tensor<1x2xf32> {
    %0 = mpc.tanh %a : (tensor<1x2xf32>) -> tensor<1x2xf32>
    mpc.yield %0 : tensor<1x2xf32>
  }
  %returned = mpc.group "returned" ins(%a = %x, %k = %w : tensor<1x32xf32>, tensor<32x2xf32>) -> tensor<1x2xf32> attributes {range = #mpc.range<-50.0, 100.0>} {
    %0 = mpc.matmul %a, %k : (tensor<1x32xf32>, tensor<32x2xf32>) -> tensor<1x2xf32>
    mpc.yield %0 : tensor<1x2xf32>
  }
  %both = mpc.group "both" ins(%a = %returned : tensor<1x2xf32>) -> tensor<1x2xf32> {
    %0 = mpc.tanh %a : (tensor<1x2xf32>) -> tensor<1x2xf32>
    mpc.yield %0 : tensor<1x2xf32>
  }
  %rectified = mpc.group "rectified" ins(%a = %x, %k = %w : tensor<1x32xf32>, tensor<32x2xf32>) -> tensor<1x2xf32> attributes {range = #mpc.range<-50.0, 100.0>} {
    %0 = mpc.matmul %a, %k : (tensor<1x32xf32>, tensor<32x2xf32>) -> tensor<1x2xf32>
    mpc.yield %0 : tensor<1x2xf32>
  }
  %positive = mpc.group "positive" ins(%a = %rectified : tensor<1x2xf32>) -> tensor<1x2xf32> {
    %0 = mpc.relu %a : (tensor<1x2xf32>) -> tensor<1x2xf32>
    mpc.yield %0 : tensor<1x2xf32>
  }
  %sums = mpc.group "sequence" ins(%a = %s, %k = %large : tensor<4x1x32xf32>, tensor<32x32xf32>) -> tensor<4x1x32xf32> attributes {range = #mpc.range<-50.0, 100.0>} {
    %0 = mpc.matmul %a, %k : (tensor<4x1x32xf32>, tensor<32x32xf32>) -> tensor<4x1x32xf32>
    mpc.yield %0 : tensor<4x1x32xf32>
  }
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %last = scf.for %i = %c0 to %c4 step %c1 iter_args(%carried = %x) -> (tensor<1x32xf32>) {
    %step = mpc.extract_step %sums[%i] : tensor<4x1x32xf32> -> tensor<1x32xf32>
    %next = mpc.group "cell" ins(%a = %carried, %b = %step : tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32> {
      %0 = mpc.add %a, %b : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
      %1 = mpc.tanh %0 : (tensor<1x32xf32>) -> tensor<1x32xf32>
      mpc.yield %1 : tensor<1x32xf32>
    }
    scf.yield %next : tensor<1x32xf32>
  }
  return %gate, %state, %within, %returned, %positive, %last : tensor<1x16xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x32xf32>
}
