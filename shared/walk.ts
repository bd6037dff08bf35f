/** Takes a step at ∇_t [N] in place: θ_t [N] becomes θ_{t+1}. What an optimizer keeps beside them is its own. */
export type Walk = (gradient: Float32Array, theta: Float32Array) => void;
