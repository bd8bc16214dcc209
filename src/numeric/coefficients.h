/* coefficients: the constants of functions.inc as bits of binary32, with their values in hexadecimal. NUMERICS 2.1.
 *
 * Written by derive/derive.py, which says how they are found. Each polynomial's comment gives its own worst weighted
 * error, relative to the function's result, apart from the rounding of the program's steps. */
#ifndef NUMERIC_COEFFICIENTS_H
#define NUMERIC_COEFFICIENTS_H

#define EXP_LOG2E 0x3fb8aa3bu /* 0x1.715476p+0 */
#define EXP_MINUS_LN2_HIGH 0xbf317200u /* -0x1.62e4p-1 */
#define EXP_MINUS_LN2_LOW 0xb5bfbe8eu /* -0x1.7f7d1cp-20 */
#define EXP_LOWEST 0xc2d00000u /* -0x1.ap+6 */
#define EXP_HIGHEST 0x42b20000u /* 0x1.64p+6 */

/* EXP_P0..4 on [-0.346608, 0.346608]: error 2^-28.22, before rounding 2^-28.28 */
#define EXP_P0 0x3efffffeu /* 0x1.fffffcp-2 */
#define EXP_P1 0x3e2aaa46u /* 0x1.55548cp-3 */
#define EXP_P2 0x3d2aac2cu /* 0x1.555858p-5 */
#define EXP_P3 0x3c091ef0u /* 0x1.123dep-7 */
#define EXP_P4 0x3ab563a7u /* 0x1.6ac74ep-10 */

#define LOG_NORMAL 0x00800000u /* 0x1p-126 */
#define LOG_SCALE 0x4b000000u /* 0x1p+23 */
#define LOG_SCALE_EXPONENT 0x41b80000u /* 0x1.7p+4 */
#define LOG_SQRT_HALF 0x3f3504f3u /* 0x1.6a09e6p-1 */
#define LOG_MINUS_HALF 0xbf000000u /* -0x1p-1 */
#define LOG_LN2_HIGH 0x3f317200u /* 0x1.62e4p-1 */
#define LOG_LN2_LOW 0x35bfbe8eu /* 0x1.7f7d1cp-20 */
#define LOG_INFINITY 0x7f800000u
#define LOG_MINUS_INFINITY 0xff800000u
#define LOG_NAN 0x7fc00000u

/* LOG_P0..8 on [-0.292893, 0.414214]: error 2^-29.60, before rounding 2^-30.31 */
#define LOG_P0 0x3eaaaaa4u /* 0x1.555548p-2 */
#define LOG_P1 0xbe800004u /* -0x1.000008p-2 */
#define LOG_P2 0x3e4cd230u /* 0x1.99a46p-3 */
#define LOG_P3 0xbe2aada3u /* -0x1.555b46p-3 */
#define LOG_P4 0x3e119ee5u /* 0x1.233dcap-3 */
#define LOG_P5 0xbdfe29a9u /* -0x1.fc5352p-4 */
#define LOG_P6 0x3df3626eu /* 0x1.e6c4dcp-4 */
#define LOG_P7 0xbdee6b6cu /* -0x1.dcd6d8p-4 */
#define LOG_P8 0x3d896b21u /* 0x1.12d642p-4 */

#define TANH_BORDER 0x3f200000u /* 0x1.4p-1 */
#define TANH_HIGHEST 0x41a00000u /* 0x1.4p+4 */

/* TANH_P0..4 on [5.96046e-08, 0.390625]: error 2^-27.72, before rounding 2^-27.77 */
#define TANH_P0 0xbeaaaa99u /* -0x1.555532p-2 */
#define TANH_P1 0x3e08837bu /* 0x1.1106f6p-3 */
#define TANH_P2 0xbd5c1ad2u /* -0x1.b835a4p-5 */
#define TANH_P3 0x3ca8fc67u /* 0x1.51f8cep-6 */
#define TANH_P4 0xbbba8671u /* -0x1.750ce2p-8 */

#define ERF_BORDER 0x3f6c0000u /* 0x1.d8p-1 */
#define ERF_HIGHEST 0x40800000u /* 0x1p+2 */

/* ERF_P0..6 on [5.96046e-08, 0.849854]: error 2^-30.06, before rounding 2^-31.20 */
#define ERF_P0 0x3e0375d4u /* 0x1.06eba8p-3 */
#define ERF_P1 0xbec093a0u /* -0x1.81274p-2 */
#define ERF_P2 0x3de716b2u /* 0x1.ce2d64p-4 */
#define ERF_P3 0xbcdc008cu /* -0x1.b80118p-6 */
#define ERF_P4 0x3baa24f2u /* 0x1.5449e4p-8 */
#define ERF_P5 0xba530361u /* -0x1.a606c2p-11 */
#define ERF_P6 0x38a7ab17u /* 0x1.4f562ep-14 */

/* ERF_R0..6 on [0.921875, 4]: error 2^-30.35, before rounding 2^-30.36 */
#define ERF_R0 0xbe03bcb6u /* -0x1.07796cp-3 */
#define ERF_R1 0xbf2298feu /* -0x1.4531fcp-1 */
#define ERF_R2 0xbdd99677u /* -0x1.b32ceep-4 */
#define ERF_R3 0x3cc2b576u /* 0x1.856aecp-6 */
#define ERF_R4 0xbb6ee637u /* -0x1.ddcc6ep-9 */
#define ERF_R5 0x39a99acbu /* 0x1.533596p-12 */
#define ERF_R6 0xb73d90c2u /* -0x1.7b2184p-17 */

#define TURN_MINUS_TWO 0xc0000000u /* -0x1p+1 */
#define TURN_MINUS_HALF 0xbf000000u /* -0x1p-1 */
#define SIN_PI_HIGH 0x40490fdbu /* 0x1.921fb6p+1 */
#define SIN_PI_LOW 0xb3bbbd2eu /* -0x1.777a5cp-24 */

/* SIN_P0..2 on [5.96046e-08, 0.0625]: error 2^-27.89, before rounding 2^-27.97 */
#define SIN_P0 0xc0a55ddfu /* -0x1.4abbbep+2 */
#define SIN_P1 0x40232fd6u /* 0x1.465facp+1 */
#define SIN_P2 0xbf16dae7u /* -0x1.2db5cep-1 */

/* COS_P0..3 on [5.96046e-08, 0.0625]: error 2^-31.09, before rounding 2^-33.87 */
#define COS_P0 0xc09de9e6u /* -0x1.3bd3ccp+2 */
#define COS_P1 0x4081e0d8u /* 0x1.03c1bp+2 */
#define COS_P2 0xbfaad95bu /* -0x1.55b2b6p+0 */
#define COS_P3 0x3e6a7bf7u /* 0x1.d4f7eep-3 */

#endif
