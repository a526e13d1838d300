//! The floorplan, drawn.

use super::{Floorplan, plan};
use std::fmt::Write;
use systole_isa::config::N8;

/// Tiles of the part, from left to right and from top to bottom.
const TILES: (u32, u32) = (127, 96);
/// Pixels of a tile.
const SCALE: u32 = 7;

/// What a block belongs to: a part of its name, colour, what the legend says.
const GROUPS: [(&str, &str, &str); 6] = [
    ("u_gemm.u_array", "#6fae7f", "array"),
    ("u_spad", "#e0a458", "SPAD"),
    ("u_acc", "#c8553d", "ACC"),
    ("u_square", "#8fb0d9", "statistics"),
    ("_mult", "#5b83b8", "lanes"),
    ("u_vector", "#9b7fb3", "FIFOs, tables, parameters"),
];

/// n8 on an LFE5U-85F as SVG: blocks that have a place of their own.
pub fn n8() -> String {
    draw(&plan(&N8))
}

fn draw(plan: &Floorplan) -> String {
    let (width, height) = (TILES.0 * SCALE, TILES.1 * SCALE);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"Helvetica, Arial, sans-serif\" \
         font-size=\"12\">\n  <title>Multipliers and block RAMs of n8 on an LFE5U-85F</title>\n  <rect width=\"100%\" \
         height=\"100%\" fill=\"#fff\"/>\n  <rect x=\"10\" y=\"30\" width=\"{width}\" height=\"{height}\" fill=\"#f4f4f4\" \
         stroke=\"#444\"/>\n",
        width + 20,
        height + 70
    );
    for lane in 0..N8.n {
        let (left, right) = (10 + lane * width / N8.n, 10 + (lane + 1) * width / N8.n);
        let middle = (left + right) / 2;
        let _ = writeln!(out, "  <text x=\"{middle}\" y=\"20\" text-anchor=\"middle\">lane {lane}</text>");
        if lane > 0 {
            let bottom = 30 + height;
            let _ = writeln!(
                out,
                "  <path d=\"M{left} 30V{bottom}\" stroke=\"#aaa\" stroke-dasharray=\"4 4\" fill=\"none\"/>"
            );
        }
    }
    for (cell, bel) in plan {
        let Some((x, y)) = tile(bel) else { continue };
        let colour = GROUPS.iter().find(|(part, ..)| cell.contains(part)).map_or("#000", |(_, colour, _)| colour);
        let _ = writeln!(
            out,
            "  <rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"14\" fill=\"{colour}\"><title>{cell}, {bel}</title></rect>",
            11 + x * SCALE,
            27 + y * SCALE,
            if bel.contains("EBR") { 12 } else { 6 },
        );
    }
    for (i, (_, colour, text)) in (0..).zip(GROUPS) {
        let (x, y) = (20 + 140 * i, height + 45);
        let _ = writeln!(out, "  <rect x=\"{x}\" y=\"{y}\" width=\"12\" height=\"12\" fill=\"{colour}\"/>");
        let _ = writeln!(out, "  <text x=\"{}\" y=\"{}\">{text}</text>", x + 17, y + 11);
    }
    out += "</svg>\n";
    out
}

/// Column and row of a site like `X4/Y10/MULT18_0`.
fn tile(bel: &str) -> Option<(u32, u32)> {
    let mut parts = bel.split('/');
    Some((parts.next()?.strip_prefix('X')?.parse().ok()?, parts.next()?.strip_prefix('Y')?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_is_drawn_in_a_colour_of_the_legend() {
        let (plan, svg) = (plan(&N8), n8());
        assert_eq!(svg.matches("<title>").count(), plan.len() + 1);
        assert!(!svg.contains("#000"));
        for (_, colour, text) in GROUPS {
            assert!(svg.matches(colour).count() > 8 && svg.contains(text), "{text}");
        }
    }
}
