// RUN: mpc-opt %s --mpc-expand-math | FileCheck %s

// Functions of libm become polynomials.
// CHECK-LABEL: func.func @functions(
// CHECK-NOT: math.{{exp|tanh|erf|log|powf|exp2}}
// CHECK: return
func.func @functions(%x: f32, %v: vector<8xf32>) -> (f32, f32, f32, f32, f32, vector<8xf32>) {
  %0 = math.exp %x : f32
  %1 = math.tanh %x : f32
  %2 = math.erf %x : f32
  %3 = math.log %x : f32
  %4 = math.powf %x, %x : f32
  %5 = math.exp2 %v : vector<8xf32>
  return %0, %1, %2, %3, %4, %5 : f32, f32, f32, f32, f32, vector<8xf32>
}

// What the machine has stays.
// CHECK-LABEL: func.func @instructions(
// CHECK: math.sqrt
// CHECK: math.rsqrt
// CHECK: math.roundeven
// CHECK: math.floor
// CHECK: math.fma
func.func @instructions(%x: f32) -> f32 {
  %0 = math.sqrt %x : f32
  %1 = math.rsqrt %0 : f32
  %2 = math.roundeven %1 : f32
  %3 = math.floor %2 : f32
  %4 = math.fma %3, %x, %x : f32
  return %4 : f32
}

// f16 and bf16 compute in f32 and round once.
// CHECK-LABEL: func.func @narrow(
// CHECK: arith.extf %{{.*}} : bf16 to f32
// CHECK-NOT: math.exp
// CHECK: arith.truncf %{{.*}} : f32 to bf16
func.func @narrow(%x: bf16) -> bf16 {
  %0 = math.exp %x : bf16
  return %0 : bf16
}

// A fused multiply-add stays fused: vector.fma itself would become llvm.fmuladd, which need not be.
// CHECK-LABEL: func.func @fused(
// CHECK: math.fma %{{.*}} : vector<16xf32>
func.func @fused(%a: vector<16xf32>, %b: vector<16xf32>, %c: vector<16xf32>) -> vector<16xf32> {
  %0 = vector.fma %a, %b, %c : vector<16xf32>
  return %0 : vector<16xf32>
}

// f64 goes to 16 bits in two roundings that are one: there is no instruction for it, and no library.
// CHECK-LABEL: func.func @narrowing(
// CHECK: arith.truncf %{{.*}} : f64 to f32
// CHECK: %[[ODD:.*]] = arith.bitcast %{{.*}} : i32 to f32
// CHECK: arith.truncf %[[ODD]] : f32 to f16
func.func @narrowing(%x: f64) -> f16 {
  %0 = arith.truncf %x : f64 to f16
  return %0 : f16
}

// All functions, remainders too, of f32 and f64.
// CHECK-LABEL: func.func @doubles(
// CHECK-NOT: math.{{exp|log|sin|cos|tan|powf|copysign}}
// CHECK-NOT: arith.remf
// CHECK: return
func.func @doubles(%x: f64, %y: vector<4xf32>) -> (f64, vector<4xf32>) {
  %0 = math.exp %x : f64
  %1 = math.log1p %0 : f64
  %2 = math.atan %1 : f64
  %3 = math.powf %2, %x : f64
  %4 = arith.remf %3, %x : f64
  %5 = math.tan %y : vector<4xf32>
  %6 = math.asinh %5 : vector<4xf32>
  %7 = arith.remf %6, %y : vector<4xf32>
  return %4, %7 : f64, vector<4xf32>
}

// An exponential whose argument is known not to be large is compared with the least argument only; any other also with
// the largest one, and so is its exponent.
// CHECK-LABEL: func.func @bounded(
// CHECK-COUNT-1: arith.cmpf
// CHECK-NOT: arith.cmpf
// CHECK: return
func.func @bounded(%x: vector<16xf32>) -> vector<16xf32> {
  %0 = math.exp %x {kernel.argument_at_most = 0.0 : f32} : vector<16xf32>
  return %0 : vector<16xf32>
}

// CHECK-LABEL: func.func @barely_bounded(
// CHECK-COUNT-2: arith.cmpf
// CHECK-NOT: arith.cmpf
// CHECK: return
func.func @barely_bounded(%x: f32) -> f32 {
  %0 = math.exp %x {kernel.argument_at_most = 88.8 : f32} : f32
  return %0 : f32
}

// CHECK-LABEL: func.func @unbounded(
// CHECK-COUNT-3: arith.cmpf
// CHECK-NOT: arith.cmpf
// CHECK: return
func.func @unbounded(%x: f32) -> f32 {
  %0 = math.exp %x : f32
  return %0 : f32
}

// Without wide registers the coefficients of erf are selected.
// CHECK-LABEL: func.func @selected(
// CHECK-NOT: permvar
// CHECK: return
func.func @selected(%x: vector<16xf32>) -> vector<16xf32> {
  %0 = math.erf %x : vector<16xf32>
  return %0 : vector<16xf32>
}

// Registers of 512 bits hold tables: 8 coefficients per register, in vectors of whole registers.
module @wide attributes {dlti.target_system_spec = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"vector_bits" = 512 : i64>>} {
  // CHECK-LABEL: func.func @looked_up(
  // CHECK-COUNT-16: llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"
  // CHECK-NOT: permvar
  // CHECK: return
  func.func @looked_up(%x: vector<32xf32>) -> vector<32xf32> {
    %0 = math.erf %x : vector<32xf32>
    return %0 : vector<32xf32>
  }

  // A sum in the 24th digit is rounded down and has 2^n's exponent; the sign of the argument is that of a product, and 1 + exp(-x) one
  // multiply-add, without a product for exp(-x) alone.
  // CHECK-LABEL: func.func @logistic(
  // CHECK-SAME: %[[X:.*]]: vector<16xf32>)
  // CHECK: arith.cmpf ule, %[[X]]
  // CHECK-COUNT-1: llvm.call_intrinsic "llvm.x86.avx512.add.ps.512"
  // CHECK-NOT: math.floor
  // CHECK: arith.shli
  // CHECK: %[[SUM:.*]] = arith.addf
  // CHECK-NEXT: %[[D:.*]] = math.fma %[[SUM]],
  // CHECK-NEXT: return %[[D]]
  func.func @logistic(%x: vector<16xf32>) -> vector<16xf32> {
    %one = arith.constant dense<1.0> : vector<16xf32>
    %0 = arith.negf %x : vector<16xf32>
    %1 = math.exp %0 : vector<16xf32>
    %2 = arith.addf %one, %1 : vector<16xf32>
    return %2 : vector<16xf32>
  }

  // Two registers are two instructions. Where something else is added, the exponential is a number of its own.
  // CHECK-LABEL: func.func @two_registers(
  // CHECK-COUNT-2: llvm.call_intrinsic "llvm.x86.avx512.add.ps.512"
  // CHECK: %[[SUM:.*]] = arith.addf
  // CHECK-NEXT: %[[E:.*]] = arith.mulf %[[SUM]],
  // CHECK-NEXT: arith.addf %[[E]],
  func.func @two_registers(%x: vector<32xf32>) -> vector<32xf32> {
    %two = arith.constant dense<2.0> : vector<32xf32>
    %0 = math.exp %x : vector<32xf32>
    %1 = arith.addf %0, %two : vector<32xf32>
    return %1 : vector<32xf32>
  }

  // CHECK-LABEL: func.func @half_a_register(
  // CHECK-NOT: permvar
  // CHECK: return
  func.func @half_a_register(%x: vector<8xf32>) -> vector<8xf32> {
    %0 = math.erf %x : vector<8xf32>
    return %0 : vector<8xf32>
  }
}

// Of two numbers the larger or smaller one is one operation, which passes NaN on, and for which zeros are alike. Beside a constant, which is none, the
// comparison of all CPUs does, and what else is compared stays.
// CHECK-LABEL: func.func @extremes(
// CHECK-SAME: %[[A:.*]]: vector<16xf32>, %[[B:.*]]: vector<16xf32>, %[[C:.*]]: f32, %[[D:.*]]: f32, %[[E:.*]]: f64, %[[F:.*]]: f64
// CHECK: %[[MAX:.*]] = llvm.intr.maximum(%[[A]], %[[B]]) {fastmathFlags = #llvm.fastmath<nsz>} : (vector<16xf32>, vector<16xf32>) -> vector<16xf32>
// CHECK: %[[MIN:.*]] = llvm.intr.minimum(%[[MAX]], %[[B]]) {fastmathFlags = #llvm.fastmath<nsz>}
// CHECK: llvm.intr.maximum(%[[C]], %[[D]]) {fastmathFlags = #llvm.fastmath<nsz>} : (f32, f32) -> f32
// CHECK: arith.maximumf %[[MIN]], %{{.*}} : vector<16xf32>
// CHECK: arith.minimumf %[[E]], %[[F]] : f64
func.func @extremes(%a: vector<16xf32>, %b: vector<16xf32>, %c: f32, %d: f32, %e: f64, %f: f64) -> (vector<16xf32>, f32, f64) {
  %zero = arith.constant dense<0.0> : vector<16xf32>
  %0 = arith.maximumf %a, %b : vector<16xf32>
  %1 = arith.minimumf %0, %b : vector<16xf32>
  %2 = arith.maximumf %c, %d : f32
  %3 = arith.maximumf %1, %zero : vector<16xf32>
  %4 = arith.minimumf %e, %f : f64
  return %3, %2, %4 : vector<16xf32>, f32, f64
}
