;; The innermost loops of the resamplers, in vectors of 16 bytes. What they compute is said in kernels.ts. Addresses are in bytes. A loop
;; may read 16 bytes beyond what it is told to read, and write as many beyond what it is told to write: callers leave room for that.
(module
  (memory (export "memory") 1)

  ;; Eight columns at a time, in two vectors of four floats.
  (func (export "sumRows")
    (param $source i32) (param $pitch i32) (param $rows i32) (param $length i32)
    (param $first f32) (param $inner f32) (param $last f32) (param $out i32)
    (local $end i32) (local $at i32) (local $final i32) (local $stop i32)
    (local $eight v128) (local $left v128) (local $right v128) (local $weight v128)
    (local.set $end (i32.add (local.get $source) (local.get $length)))
    (loop $columns
      (local.set $at (local.get $source))
      (local.set $final (i32.add (local.get $at) (i32.mul (i32.sub (local.get $rows) (i32.const 1)) (local.get $pitch))))
      (local.set $eight (v128.load8x8_u (local.get $at)))
      (local.set $weight (f32x4.splat (local.get $first)))
      (local.set $left (f32x4.mul (local.get $weight)
        (f32x4.convert_i32x4_u (i32x4.extend_low_i16x8_u (local.get $eight)))))
      (local.set $right (f32x4.mul (local.get $weight)
        (f32x4.convert_i32x4_u (i32x4.extend_high_i16x8_u (local.get $eight)))))

      (local.set $at (i32.add (local.get $at) (local.get $pitch)))
      (local.set $weight (f32x4.splat (local.get $inner)))
      (block $summed
        (loop $inner_rows
          (br_if $summed (i32.ge_u (local.get $at) (local.get $final)))
          ;; As whole numbers of 16 bits, which hold the sum of up to 257 rows.
          (local.set $stop (i32.add (local.get $at) (i32.mul (local.get $pitch) (i32.const 257))))
          (if (i32.gt_u (local.get $stop) (local.get $final)) (then (local.set $stop (local.get $final))))
          (local.set $eight (v128.const i32x4 0 0 0 0))
          (loop $added
            (local.set $eight (i16x8.add (local.get $eight) (v128.load8x8_u (local.get $at))))
            (local.set $at (i32.add (local.get $at) (local.get $pitch)))
            (br_if $added (i32.lt_u (local.get $at) (local.get $stop))))
          (local.set $left (f32x4.add (local.get $left) (f32x4.mul (local.get $weight)
            (f32x4.convert_i32x4_u (i32x4.extend_low_i16x8_u (local.get $eight))))))
          (local.set $right (f32x4.add (local.get $right) (f32x4.mul (local.get $weight)
            (f32x4.convert_i32x4_u (i32x4.extend_high_i16x8_u (local.get $eight))))))
          (br $inner_rows)))

      (if (i32.gt_u (local.get $rows) (i32.const 1))
        (then
          (local.set $eight (v128.load8x8_u (local.get $final)))
          (local.set $weight (f32x4.splat (local.get $last)))
          (local.set $left (f32x4.add (local.get $left) (f32x4.mul (local.get $weight)
            (f32x4.convert_i32x4_u (i32x4.extend_low_i16x8_u (local.get $eight))))))
          (local.set $right (f32x4.add (local.get $right) (f32x4.mul (local.get $weight)
            (f32x4.convert_i32x4_u (i32x4.extend_high_i16x8_u (local.get $eight))))))))
      (v128.store (local.get $out) (local.get $left))
      (v128.store offset=16 (local.get $out) (local.get $right))
      (local.set $out (i32.add (local.get $out) (i32.const 32)))
      (local.set $source (i32.add (local.get $source) (i32.const 8)))
      (br_if $columns (i32.lt_u (local.get $source) (local.get $end)))))

  ;; One target pixel at a time: a vector holds the floats of a source pixel, and of the one after it what still fits in.
  (func (export "sumColumns")
    (param $row i32) (param $bytes i32)
    (param $starts i32) (param $counts i32) (param $firsts i32) (param $lasts i32) (param $inner f32)
    (param $count i32) (param $order i32) (param $out i32)
    (local $step i32) (local $end i32) (local $at i32) (local $final i32)
    (local $colours v128) (local $sum v128) (local $between v128)
    (local.set $step (i32.shl (local.get $bytes) (i32.const 2)))
    (local.set $colours (v128.load (local.get $order)))
    (local.set $end (i32.add (local.get $starts) (i32.shl (local.get $count) (i32.const 2))))
    (loop $pixels
      (local.set $at (i32.add (local.get $row) (i32.mul (i32.load (local.get $starts)) (local.get $step))))
      (local.set $final (i32.add (local.get $at)
        (i32.mul (i32.sub (i32.load (local.get $counts)) (i32.const 1)) (local.get $step))))
      (local.set $sum (f32x4.mul (v128.load32_splat (local.get $firsts)) (v128.load (local.get $at))))
      (if (i32.gt_u (local.get $final) (local.get $at))
        (then
          (local.set $between (v128.const f32x4 0 0 0 0))
          (local.set $at (i32.add (local.get $at) (local.get $step)))
          (block $summed
            (loop $added
              (br_if $summed (i32.ge_u (local.get $at) (local.get $final)))
              (local.set $between (f32x4.add (local.get $between) (v128.load (local.get $at))))
              (local.set $at (i32.add (local.get $at) (local.get $step)))
              (br $added)))
          (local.set $sum (f32x4.add (local.get $sum)
            (f32x4.mul (f32x4.splat (local.get $inner)) (local.get $between))))
          (local.set $sum (f32x4.add (local.get $sum)
            (f32x4.mul (v128.load32_splat (local.get $lasts)) (v128.load (local.get $final)))))))
      (local.set $sum (i32x4.trunc_sat_f32x4_u (f32x4.add (local.get $sum) (v128.const f32x4 0.5 0.5 0.5 0.5))))
      (local.set $sum (i16x8.narrow_i32x4_u (local.get $sum) (local.get $sum)))
      (local.set $sum (i8x16.narrow_i16x8_u (local.get $sum) (local.get $sum)))
      (v128.store32_lane 0 (local.get $out) (i8x16.swizzle (local.get $sum) (local.get $colours)))
      (local.set $out (i32.add (local.get $out) (i32.const 3)))
      (local.set $counts (i32.add (local.get $counts) (i32.const 4)))
      (local.set $firsts (i32.add (local.get $firsts) (i32.const 4)))
      (local.set $lasts (i32.add (local.get $lasts) (i32.const 4)))
      (local.set $starts (i32.add (local.get $starts) (i32.const 4)))
      (br_if $pixels (i32.lt_u (local.get $starts) (local.get $end)))))

  ;; One target pixel at a time. Two neighbours in a row of the source lie side by side in one vector.
  (func (export "sampleRow")
    (param $source i32) (param $pitch i32) (param $bytes i32) (param $lastX f64) (param $lastY f64)
    (param $x f64) (param $y f64) (param $acrossX f64) (param $acrossY f64)
    (param $count i32) (param $beside i32) (param $order i32) (param $out i32)
    (local $pixel i32) (local $at i32) (local $atX i32) (local $atY i32)
    (local $from v128) (local $across v128) (local $last v128) (local $place v128)
    (local $neighbour v128) (local $colours v128) (local $upper v128) (local $value v128)
    (local.set $from (f64x2.replace_lane 1 (f64x2.splat (local.get $x)) (local.get $y)))
    (local.set $across (f64x2.replace_lane 1 (f64x2.splat (local.get $acrossX)) (local.get $acrossY)))
    (local.set $last (f64x2.replace_lane 1 (f64x2.splat (local.get $lastX)) (local.get $lastY)))
    (local.set $neighbour (v128.load (local.get $beside)))
    (local.set $colours (v128.load (local.get $order)))
    (loop $pixels
      (local.set $place (f64x2.add (local.get $from)
        (f64x2.mul (local.get $across) (f64x2.splat (f64.convert_i32_s (local.get $pixel))))))
      (local.set $place (f64x2.pmin (local.get $last) (f64x2.pmax (v128.const f64x2 0 0) (local.get $place))))
      ;; In 32768ths of a pixel.
      (local.set $place (i32x4.trunc_sat_f64x2_s_zero (f64x2.mul (local.get $place) (v128.const f64x2 32768 32768))))
      (local.set $atX (i32x4.extract_lane 0 (local.get $place)))
      (local.set $atY (i32x4.extract_lane 1 (local.get $place)))
      (local.set $at (i32.add (local.get $source) (i32.add
        (i32.mul (i32.shr_u (local.get $atY) (i32.const 15)) (local.get $pitch))
        (i32.mul (i32.shr_u (local.get $atX) (i32.const 15)) (local.get $bytes)))))
      ;; In 64ths of a grey level: from the upper row down to the lower one, then from the left to the right.
      (local.set $upper (i16x8.shl (v128.load8x8_u (local.get $at)) (i32.const 6)))
      (local.set $value (i16x8.add (local.get $upper) (i16x8.q15mulr_sat_s
        (i16x8.sub
          (i16x8.shl (v128.load8x8_u (i32.add (local.get $at) (local.get $pitch))) (i32.const 6))
          (local.get $upper))
        (i16x8.splat (i32.and (local.get $atY) (i32.const 32767))))))
      (local.set $value (i16x8.add (local.get $value) (i16x8.q15mulr_sat_s
        (i16x8.sub (i8x16.swizzle (local.get $value) (local.get $neighbour)) (local.get $value))
        (i16x8.splat (i32.and (local.get $atX) (i32.const 32767))))))
      (local.set $value (i16x8.shr_u (i16x8.add (local.get $value) (v128.const i16x8 32 32 32 32 32 32 32 32)) (i32.const 6)))
      (local.set $value (i8x16.narrow_i16x8_u (local.get $value) (local.get $value)))
      (v128.store32_lane 0 (local.get $out) (i8x16.swizzle (local.get $value) (local.get $colours)))
      (local.set $out (i32.add (local.get $out) (i32.const 3)))
      (local.set $pixel (i32.add (local.get $pixel) (i32.const 1)))
      (br_if $pixels (i32.lt_s (local.get $pixel) (local.get $count)))))
  ;; One target pixel at a time, of two by two.
  (func (export "halveRows")
    (param $source i32) (param $pitch i32) (param $count i32) (param $out i32)
    (local $end i32) (local $value v128)
    (local.set $end (i32.add (local.get $out) (i32.mul (local.get $count) (i32.const 3))))
    (loop $pixels
      (local.set $value (i16x8.add
        (v128.load8x8_u (local.get $source))
        (v128.load8x8_u (i32.add (local.get $source) (local.get $pitch)))))
      ;; The pixel to the right is three numbers of 16 bits further on.
      (local.set $value (i16x8.add (local.get $value) (i8x16.swizzle (local.get $value)
        (v128.const i8x16 6 7 8 9 10 11 255 255 255 255 255 255 255 255 255 255))))
      (local.set $value (i16x8.shr_u (i16x8.add (local.get $value) (v128.const i16x8 2 2 2 2 2 2 2 2)) (i32.const 2)))
      (v128.store32_lane 0 (local.get $out) (i8x16.narrow_i16x8_u (local.get $value) (local.get $value)))
      (local.set $source (i32.add (local.get $source) (i32.const 6)))
      (local.set $out (i32.add (local.get $out) (i32.const 3)))
      (br_if $pixels (i32.lt_u (local.get $out) (local.get $end)))))
)
